// Renders the text of a message: plain text with links for web and email addresses, never markup.
import { signal } from '@preact/signals';

const MAY_CONTAIN_LINKS = /:\/\/|www\.|@/i;
const finder = signal<typeof import('./links').findLinks | null>(null);
let loading: Promise<void> | undefined;

/** Loads the script that finds addresses. Without it the text has no links. */
async function load() {
  const path = '/links.js';
  try {
    finder.value = ((await import(/* @vite-ignore */ path)) as typeof import('./links')).findLinks;
  } catch {
    loading = undefined;
  }
}

export function Text({ text }: { text: string }) {
  if (!MAY_CONTAIN_LINKS.test(text)) return <>{text}</>;
  const find = finder.value;
  if (!find) {
    loading ??= load();
    return <>{text}</>;
  }
  return (
    <>
      {find(text).map((piece) =>
        piece.href ? (
          <a href={piece.href} target="_blank" rel="noopener noreferrer nofollow">
            {piece.text}
          </a>
        ) : (
          piece.text
        ),
      )}
    </>
  );
}

/** A short date and time; only the time if it is today or `dayKnown`, when the day is shown nearby. `at` is RFC 3339. */
export function When({
  at,
  locale,
  dayKnown,
}: {
  at: string;
  locale?: string;
  dayKnown?: boolean;
}) {
  const moment = new Date(at);
  const timeOnly = dayKnown || moment.toDateString() === new Date().toDateString();
  const short = moment.toLocaleString(
    locale,
    timeOnly ? { timeStyle: 'short' } : { dateStyle: 'medium', timeStyle: 'short' },
  );
  return (
    <time dateTime={at} title={moment.toLocaleString(locale)}>
      {short}
    </time>
  );
}
