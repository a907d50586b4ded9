// A person's text as it may be shown: text, with web addresses made into links. Never markup.
import type { JSX } from 'preact';

// Letters that end a sentence rather than an address.
const TAIL = /[.,:;!?'")\]}>»”’]+$/;

export function Text({ text }: { text: string }) {
  const parts: (string | JSX.Element)[] = [];
  let at = 0;
  for (const found of text.matchAll(/https?:\/\/[^\s<>"]+/gi)) {
    const address = found[0].replace(TAIL, '');
    if (!URL.canParse(address)) continue;
    parts.push(text.slice(at, found.index));
    parts.push(
      <a href={address} target="_blank" rel="noopener noreferrer nofollow">
        {address}
      </a>,
    );
    at = found.index + address.length;
  }
  parts.push(text.slice(at));
  return <>{parts}</>;
}

/** A moment, short: only the time when it is today, or where the day stands beside it. `at` is RFC 3339. */
export function When({ at, locale, dayKnown }: { at: string; locale?: string; dayKnown?: boolean }) {
  const moment = new Date(at);
  const timeAlone = dayKnown || moment.toDateString() === new Date().toDateString();
  const short = moment.toLocaleString(locale, timeAlone ? { timeStyle: 'short' } : { dateStyle: 'medium', timeStyle: 'short' });
  return (
    <time dateTime={at} title={moment.toLocaleString(locale)}>
      {short}
    </time>
  );
}
