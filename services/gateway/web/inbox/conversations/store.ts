// The loaded conversations, most recent activity first, updated by the stream.
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

/** Whether the list was fetched: before that an empty one doesn't mean that there are no conversations. */
export const loaded = signal(false);
export const filter = signal<Filter>({ status: 'open', assignee: '' });
const byId = signal<Map<string, Conversation>>(new Map());
const cursor = signal<string | null>(null);
let fetching = false;
let request = 0;

// A long list is sorted with each event, so each time is parsed only once.
const times = new WeakMap<Conversation, number>();
function time(item: Conversation) {
  const known = times.get(item) ?? Date.parse(item.updatedAt);
  times.set(item, known);
  return known;
}

export const conversations = computed(() =>
  [...byId.value.values()].sort((a, b) => time(b) - time(a)),
);
/** The number of loaded conversations with unread messages. */
export const unreadConversations = computed(
  () => conversations.value.filter(({ unread }) => unread > 0).length,
);

/** The latest state of a loaded conversation, also while its update waits to be rendered. */
export const conversationById = (id: string) => updates.get(id) ?? byId.value.get(id);

function matchesFilter({ status, assigneeId }: Conversation) {
  const { status: wanted, assignee } = filter.value;
  if (wanted !== 'all' && status !== wanted) return false;
  return assignee === '' || assigneeId === (assignee === 'me' ? me.value?.id : null);
}

// With a cursor the page continues below the loaded conversations; newer ones arrive by the stream.
const query = (from: string | null) => {
  const { status, assignee } = filter.value;
  const parts = new URLSearchParams({ status, limit: '100' });
  if (assignee) parts.set('assignee', assignee);
  if (from) parts.set('cursor', from);
  return `/conversations?${parts}`;
};

export function fetchFirst() {
  const current = ++request;
  fetching = true;
  return attempt(async () => {
    const page = await call<Page<Conversation>>('GET', query(null));
    if (current !== request) return;
    byId.value = new Map(page.items.map((item) => [item.id, item]));
    cursor.value = page.nextCursor;
    loaded.value = true;
  }).finally(() => {
    if (current === request) fetching = false;
  });
}

export function fetchMore() {
  if (fetching || !cursor.value) return;
  fetching = true;
  const current = request;
  void attempt(async () => {
    const page = await call<Page<Conversation>>('GET', query(cursor.value));
    if (current !== request) return;
    const next = new Map(byId.value);
    for (const item of page.items) if (!next.has(item.id)) next.set(item.id, item);
    byId.value = next;
    cursor.value = page.nextCursor;
  }).finally(() => (fetching = false));
}

// Several events within a short time cause one rendering.
const UPDATE_DELAY_MS = 50;
let updates = new Map<string, Conversation>();
export function changed(item: Conversation) {
  if (!updates.size) setTimeout(applyUpdates, UPDATE_DELAY_MS);
  updates.set(item.id, item);
}

function applyUpdates() {
  const next = new Map(byId.value);
  for (const item of updates.values()) {
    if (matchesFilter(item)) next.set(item.id, item);
    else next.delete(item.id);
  }
  updates = new Map();
  byId.value = next;
}

on('conversation', changed);
// Plays a sound for a contact's message while the inbox isn't visible.
on('message', ({ author }: Message) => document.hidden && author.kind === 'contact' && beep());
on('reload', fetchFirst);
