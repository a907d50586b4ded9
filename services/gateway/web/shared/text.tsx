// A person's text as it may be shown: text, with web and e-mail addresses made into links. Never markup.
import { signal } from '@preact/signals';

const MAY_HOLD_LINKS = /:\/\/|www\.|@/i;
const finder = signal<typeof import('./links').findLinks | null>(null);
let loading: Promise<void> | undefined;

/** Loads what finds addresses. Without it a text is shown as it is. */
async function load() {
  const path = '/links.js';
  try {
    finder.value = ((await import(/* @vite-ignore */ path)) as typeof import('./links')).findLinks;
  } catch {
    loading = undefined;
  }
}

export function Text({ text }: { text: string }) {
  if (!MAY_HOLD_LINKS.test(text)) return <>{text}</>;
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

/** A moment, short: only the time when it is today, or where the day stands beside it. `at` is RFC 3339. */
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
  const timeAlone = dayKnown || moment.toDateString() === new Date().toDateString();
  const short = moment.toLocaleString(
    locale,
    timeAlone ? { timeStyle: 'short' } : { dateStyle: 'medium', timeStyle: 'short' },
  );
  return (
    <time dateTime={at} title={moment.toLocaleString(locale)}>
      {short}
    </time>
  );
}
