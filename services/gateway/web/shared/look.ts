// Values of an application's `look`: the inbox sets them, the chat's frame reads them.

/** Also in `frame/style.css` and `widget/style.css`. */
export const DEFAULT_COLOR = '#4338ca';
/** In UTF-16 code units. The frame cuts off what is longer. */
export const MAX_TITLE_LENGTH = 80;
export const MAX_GREETING_LENGTH = 200;

export const isColor = (value: unknown): value is string =>
  typeof value === 'string' && /^#[0-9a-f]{6}$/i.test(value);

/** Relative luminance of one channel (WCAG 2). */
function luminance(hex: string) {
  const part = parseInt(hex, 16) / 255;
  return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
}

/** Text color on this background: white where its contrast is at least 4.5, else black, whose contrast is then higher. */
export function inkOn(color: string) {
  const [red, green, blue] = color.slice(1).match(/../g)!.map(luminance) as [
    number,
    number,
    number,
  ];
  const light = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return 1.05 / (light + 0.05) >= 4.5 ? '#fff' : '#000';
}
