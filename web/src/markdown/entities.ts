// The character references that models write in text. An unknown one stays as it is written.

const NAMED: Readonly<Record<string, string>> = {
  amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0", copy: "©", reg: "®", trade: "™", hellip: "…",
  mdash: "—", ndash: "–", lsquo: "‘", rsquo: "’", ldquo: "“", rdquo: "”", laquo: "«", raquo: "»", bull: "•",
  middot: "·", times: "×", divide: "÷", minus: "−", plusmn: "±", deg: "°", micro: "µ", euro: "€", pound: "£",
  larr: "←", rarr: "→", uarr: "↑", darr: "↓", le: "≤", ge: "≥", ne: "≠", infin: "∞", asymp: "≈", radic: "√",
};

export function decodeEntities(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#[xX]([\da-fA-F]{1,6})|(\w{2,8}));/g, (whole, decimal, hex, name) => {
    if (name !== undefined) return NAMED[name as string] ?? whole;
    const point = decimal === undefined ? parseInt(hex as string, 16) : parseInt(decimal as string, 10);
    const surrogate = point >= 0xd800 && point <= 0xdfff;
    return point === 0 || point > 0x10ffff || surrogate ? "\ufffd" : String.fromCodePoint(point);
  });
}
