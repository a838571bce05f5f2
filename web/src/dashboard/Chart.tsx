// A line chart by uPlot, in the page's colours. What it shows is also said in words, for who cannot see it.

import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { useTheme } from "../hooks/useTheme.ts";
import type { Series } from "./shape.ts";

export interface Line {
  name: string;
  /** A variable of the style sheet. */
  color: string;
  filled?: boolean;
}

interface ChartProps {
  label: string;
  series: Series;
  lines: readonly Line[];
  /** A value in words, on the axis and in the legend. */
  words: (value: number) => string;
  /** Of the points, where these are no times but follow each other. */
  names?: readonly string[];
}

const HEIGHT = 180;
/** Steps of an axis of names: there is nothing between two of them. */
const WHOLE = [1, 2, 5, 10, 20, 50];

export function Chart({ label, series, lines, words, names }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(series);
  latest.current = series;
  const theme = useTheme();

  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const made = new uPlot(options(element.clientWidth, lines, words, names), latest.current, element);
    plot.current = made;
    const watcher = new ResizeObserver(() => {
      made.setSize({ width: element.clientWidth, height: HEIGHT });
      showLatest(made, latest.current);
    });
    watcher.observe(element);
    return () => {
      watcher.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [lines, words, names, theme]);
  useEffect(() => {
    plot.current?.setData(series);
    showLatest(plot.current, series);
  }, [series, theme]);

  return <div ref={place} className="chart" role="img" aria-label={label} />;
}

function options(width: number, lines: readonly Line[], words: (value: number) => string, names?: readonly string[]): uPlot.Options {
  const place = names === undefined ? timeOfDay : (at: number) => names[at]?.slice(-9) ?? "";
  const style = getComputedStyle(document.documentElement);
  const color = (name: string) => style.getPropertyValue(name).trim();
  const font = `12px ${color("--sans")}`;
  const axis: uPlot.Axis = { stroke: color("--faint"), font, grid: { stroke: color("--line"), width: 1 }, ticks: { show: false } };
  return {
    width,
    height: HEIGHT,
    padding: [8, names === undefined ? 12 : 36, 0, 0],
    cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
    legend: { live: true },
    scales: { x: { time: names === undefined }, y: { range: (_plot, _low, high) => [0, Math.max(high || 0, 1) * 1.1] } },
    axes: [
      { ...axis, space: names === undefined ? 44 : 70, size: 30, ...(names === undefined ? {} : { incrs: WHOLE }), values: (_plot, splits) => splits.map(place) },
      { ...axis, size: 58, values: (_plot, splits) => splits.map(words) },
    ],
    series: [
      { value: (_plot, at) => (at === null ? "" : place(at)), label: "Time" },
      ...lines.map(({ name, color: variable, filled }) => ({
        label: name,
        stroke: color(variable),
        width: 1.75,
        ...(filled ? { fill: `color-mix(in srgb, ${color(variable)} 16%, transparent)` } : {}),
        points: { show: !filled, size: 5, fill: color(variable) },
        value: (_plot: uPlot, value: number | null) => (value === null ? "–" : words(value)),
      })),
    ],
  };
}

/** The legend has the last values while nobody points at others. */
function showLatest(plot: uPlot | null, [times]: Series): void {
  if (plot !== null && (plot.cursor.left ?? -1) < 0) plot.setLegend({ idx: times.length - 1 }, false);
}

function timeOfDay(seconds: number): string {
  return new Date(seconds * 1_000).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", hour12: false });
}
