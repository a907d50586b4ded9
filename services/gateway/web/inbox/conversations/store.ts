// The conversations held, newest activity first, kept up to date by the stream.
import { computed, signal } from '@preact/signals';
import type { Conversation, Message } from '../../shared/api';
import type { Page } from '../../shared/page';
import { beep } from '../../shared/sound';
import { on } from '../live';
import { attempt, call, me } from '../login';

export interface Filter {
  status: 'open' | 'closed' | 'all';
  assignee: '' | 'me' | 'none';
}

/** Whether the list was fetched: until then an empty one says nothing. */
export const loaded = signal(false);
export const filter = signal<Filter>({ status: 'open', assignee: '' });
const held = signal<Map<string, Conversation>>(new Map());
const cursor = signal<string | null>(null);
let fetching = false;
let turn = 0;

// A long list is sorted again with each event: a time is read once for each item.
const times = new WeakMap<Conversation, number>();
function time(item: Conversation) {
  const known = times.get(item) ?? Date.parse(item.updatedAt);
  times.set(item, known);
  return known;
}

export const conversations = computed(() =>
  [...held.value.values()].sort((a, b) => time(b) - time(a)),
);
/** How many of those held wait for an answer to be read. */
export const waitingToBeRead = computed(
  () => conversations.value.filter(({ unread }) => unread > 0).length,
);

export const one = (id: string) => held.value.get(id);

function fits({ status, assigneeId }: Conversation) {
  const { status: wanted, assignee } = filter.value;
  if (wanted !== 'all' && status !== wanted) return false;
  return assignee === '' || assigneeId === (assignee === 'me' ? me.value?.id : null);
}

// A page lies: with a cursor the list goes on below what is held, and only what is newer comes by itself.
const query = (from: string | null) => {
  const { status, assignee } = filter.value;
  const parts = new URLSearchParams({ status, limit: '100' });
  if (assignee) parts.set('assignee', assignee);
  if (from) parts.set('cursor', from);
  return `/conversations?${parts}`;
};

export function fetchFirst() {
  const mine = ++turn;
  fetching = true;
  return attempt(async () => {
    const page = await call<Page<Conversation>>('GET', query(null));
    if (mine !== turn) return;
    held.value = new Map(page.items.map((item) => [item.id, item]));
    cursor.value = page.nextCursor;
    loaded.value = true;
  }).finally(() => {
    if (mine === turn) fetching = false;
  });
}

export function fetchMore() {
  if (fetching || !cursor.value) return;
  fetching = true;
  const mine = turn;
  void attempt(async () => {
    const page = await call<Page<Conversation>>('GET', query(cursor.value));
    if (mine !== turn) return;
    const next = new Map(held.value);
    for (const item of page.items) if (!next.has(item.id)) next.set(item.id, item);
    held.value = next;
    cursor.value = page.nextCursor;
  }).finally(() => (fetching = false));
}

// Many events at once make one drawing.
let waiting = new Map<string, Conversation>();
export function changed(item: Conversation) {
  if (!waiting.size) setTimeout(settle, 50);
  waiting.set(item.id, item);
}

function settle() {
  const next = new Map(held.value);
  for (const item of waiting.values()) {
    if (fits(item)) next.set(item.id, item);
    else next.delete(item.id);
  }
  waiting = new Map();
  held.value = next;
}

on('conversation', changed);
// Whoever looks elsewhere hears that somebody wrote.
on('message', ({ author }: Message) => document.hidden && author.kind === 'contact' && beep());
on('reload', fetchFirst);
