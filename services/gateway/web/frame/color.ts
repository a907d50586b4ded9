// What the brand color asks for: letters that can be read on it.

/** The part of a color's channel that the eye sees as light (WCAG 2). */
function linear(hex: string) {
  const part = parseInt(hex, 16) / 255;
  return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
}

/** White where it has a contrast of 4.5 on this color (`#rrggbb`), else black, which has it there. */
export function inkOn(color: string) {
  const [red, green, blue] = color.slice(1).match(/../g)!.map(linear) as [number, number, number];
  const light = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return 1.05 / (light + 0.05) >= 4.5 ? '#fff' : '#000';
}
