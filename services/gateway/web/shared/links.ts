// Finds web and email addresses in a text. A separate script that is loaded for the first text that may contain one.
import { LinkifyIt } from 'linkify-it';

export interface Piece {
  text: string;
  /** Set if the piece is an address. */
  href?: string;
}

const linkifier = new LinkifyIt({ fuzzyLink: false, fuzzyEmail: true })
  .add('ftp:')
  .add('//')
  .add('mailto:', {
    // Addresses without `mailto:` are found anyway. A typed `mailto:` isn't a link: it could preset a subject and a text.
    validate: () => 0,
    normalize: (match) => void (match.url = `mailto:${match.raw}`),
  })
  .add('www.', {
    validate(text, at, { re }) {
      const rest = new RegExp(re.get_url_host_port().source + re.get_path().source, 'iy');
      rest.lastIndex = at;
      return text[at] && /[\p{L}\p{N}-]+\.\p{L}{2}/uy.test(text.slice(at))
        ? (rest.exec(text)?.[0].length ?? 0)
        : 0;
    },
    normalize: (match) => void (match.url = `http://${match.raw}`),
  });

// Scripts without spaces between words, where an address may directly follow a letter.
const UNSPACED =
  '\\p{sc=Han}\\p{sc=Hiragana}\\p{sc=Katakana}\\p{sc=Hangul}\\p{sc=Thai}\\p{sc=Lao}\\p{sc=Khmer}\\p{sc=Myanmar}ー';
const BEFORE = new RegExp(`([${UNSPACED}])(?=https?://|www\\.|[\\w.+-]+@[\\w-]+\\.)`, 'giu');
const AFTER_EMAIL = new RegExp(`(@[\\w.-]+\\.[a-z]{2,})(?=[${UNSPACED}])`, 'giu');
// Never part of an address: quotes, invisible characters, and bidirectional controls.
const BOUNDARY = /(["\u200B\u200E\u200F\u202A-\u202E\u2060-\u2069\uFEFF])/;
// Doesn't occur in texts.
const MARK = '\0';

/** The pieces of a text, in order: joined they are the text. */
export function findLinks(text: string): Piece[] {
  const marked = text.replace(BEFORE, `$1${MARK}`).replace(AFTER_EMAIL, `$1${MARK}`);
  return marked
    .split(MARK)
    .flatMap((run) => run.split(BOUNDARY))
    .flatMap(piecesOf);
}

function piecesOf(run: string): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (const { index, lastIndex, raw, url } of linkifier.match(run) ?? []) {
    const href = safe(url);
    // Addresses that contain a password aren't linked.
    if (!href || /^:[^\s/]*@/.test(run.slice(lastIndex))) continue;
    pieces.push({ text: run.slice(at, index) }, { text: raw, href });
    at = lastIndex;
  }
  return [...pieces, { text: run.slice(at) }].filter((piece) => piece.text);
}

function safe(address: string) {
  try {
    return ['http:', 'https:', 'mailto:'].includes(new URL(address).protocol) ? address : undefined;
  } catch {
    return undefined;
  }
}
