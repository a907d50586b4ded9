// How messages stand together: where a day begins, and where a run of one author begins and ends.
import type { Message } from './api';
import { findLast } from './browser';

const TOGETHER_MS = 5 * 60_000;

const day = ({ createdAt }: Message) => new Date(createdAt).toDateString();

/** Whether `message` is the first one of its day. */
export const beginsDay = (message: Message, before?: Message) =>
  !before || day(before) !== day(message);

/** Whether two messages, one after the other, are shown as one run. */
export function together(one?: Message, next?: Message) {
  if (!one || !next || one.kind !== next.kind || one.kind === 'event') return false;
  if (one.author.kind !== next.author.kind || one.author.id !== next.author.id) return false;
  return (
    day(one) === day(next) && Date.parse(next.createdAt) - Date.parse(one.createdAt) < TOGETHER_MS
  );
}

/** The last of this side's texts that the other one has read: it said so (`mark`), or it wrote behind it. */
export function lastSeen(messages: Message[], side: 'contact' | 'agent', mark: number) {
  const texts = messages.filter(({ kind }) => kind === 'text');
  const answered = findLast(texts, ({ author }) => author.kind !== side)?.seq ?? 0;
  return findLast(
    texts,
    ({ author, seq }) => author.kind === side && seq <= Math.max(mark, answered),
  )?.seq;
}

/** A day as people say it: today, yesterday, else its date. */
export function dayName(at: string, locale?: string) {
  const moment = new Date(at);
  const now = new Date();
  const days = Math.round(
    (new Date(at).setHours(0, 0, 0, 0) - new Date().setHours(0, 0, 0, 0)) / 86_400_000,
  );
  if (days > -2) {
    const name = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }).format(days, 'day');
    return name.charAt(0).toLocaleUpperCase(locale) + name.slice(1);
  }
  const year = moment.getFullYear() === now.getFullYear() ? undefined : 'numeric';
  return moment.toLocaleDateString(locale, {
    weekday: 'long',
    day: 'numeric',
    month: 'long',
    year,
  });
}
