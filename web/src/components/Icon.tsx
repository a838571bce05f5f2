// The page's own line icons, on a grid of 20. Decoration only: the control beside them has the name.

const PATHS = {
  send: "M10 16V4M4.500 9.500 10 4l5.500 5.500",
  stop: "M5.500 5.500h9v9h-9Z",
  plus: "M10 4v12M4 10h12",
  menu: "M3.500 6h13M3.500 10h13M3.500 14h13",
  close: "m5 5 10 10M15 5 5 15",
  sun: "M10 6.500a3.500 3.500 0 1 1 0 7 3.500 3.500 0 0 1 0-7ZM10 2v1.500M10 16.500V18M2 10h1.500M16.500 10H18M4.300 4.300l1 1M14.700 14.700l1 1M15.700 4.300l-1 1M5.300 14.700l-1 1",
  moon: "M16 11.700A6.500 6.500 0 0 1 8.300 4a6.500 6.500 0 1 0 7.700 7.700Z",
  logout: "M8 4H5a1 1 0 0 0-1 1v10a1 1 0 0 0 1 1h3M12.500 6.500 16 10l-3.500 3.500M16 10H8",
  copy: "M7.500 7.500h8v8h-8ZM12.500 7.500v-3h-8v8h3",
  check: "m4.500 10.500 3.500 3.500 7.500-8",
  cross: "m6 6 8 8M14 6l-8 8",
  chevron: "m7.500 5 5 5-5 5",
  tool: "M11.500 8.500 5 15l1.500 1.500L13 10a3.500 3.500 0 0 0 3.700-4.700l-2 2-2-2 2-2A3.500 3.500 0 0 0 11.500 8.500Z",
  thought: "M10 3.500a5 5 0 0 0-2.500 9.300V15h5v-2.200A5 5 0 0 0 10 3.500ZM8 17h4",
  retry: "M15.500 8A6 6 0 1 0 16 11.500M15.500 4v4h-4",
  down: "M10 4v12M4.500 10.500 10 16l5.500-5.500",
  question: "M7.500 7.500a2.500 2.500 0 1 1 3.600 2.200c-.8.400-1.100.900-1.100 1.800M10 14.500v.200",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The mark of the product. */
export function Mark() {
  return (
    <svg className="mark" viewBox="0 0 32 32" width="28" height="28" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="9" />
      <path d="M5 16c3-5 7-7.500 11-7.500s8 2.500 11 7.500c-3 5-7 7.500-11 7.500S8 21 5 16Z" />
      <circle cx="16" cy="16" r="3.600" />
    </svg>
  );
}
