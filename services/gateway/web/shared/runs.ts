// Groups of messages: the first message of a day, and runs of one author that are shown as one.
import type { Message } from './api';
import { findLast } from './browser';

const RUN_GAP_MS = 5 * 60_000;

const day = ({ createdAt }: Message) => new Date(createdAt).toDateString();

/** Whether `message` is the first one of its day. */
export const beginsDay = (message: Message, before?: Message) =>
  !before || day(before) !== day(message);

/** Whether two consecutive messages are shown as one run. */
export function inOneRun(one?: Message, next?: Message) {
  if (!one || !next || one.kind !== next.kind || one.kind === 'event') return false;
  if (one.author.kind !== next.author.kind || one.author.id !== next.author.id) return false;
  return (
    day(one) === day(next) && Date.parse(next.createdAt) - Date.parse(one.createdAt) < RUN_GAP_MS
  );
}

/** The last text of this side that the other side has read, by its read mark or by its own later text. */
export function lastSeen(messages: Message[], side: 'contact' | 'agent', mark: number) {
  const texts = messages.filter(({ kind }) => kind === 'text');
  const replied = findLast(texts, ({ author }) => author.kind !== side)?.seq ?? 0;
  return findLast(
    texts,
    ({ author, seq }) => author.kind === side && seq <= Math.max(mark, replied),
  )?.seq;
}

/** A day as "Today", "Yesterday", or its date. */
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
