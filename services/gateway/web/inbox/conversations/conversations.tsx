// Conversations: the list with its filters, the open thread, and the contact's profile.
import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Conversation } from '../../shared/api';
import { When } from '../../shared/text';
import { me } from '../login';
import { go, route } from '../route';
import { Rows } from '../rows';
import { Avatar } from '../ui';
import { FirstSteps } from './first-steps';
import { Profile } from './profile';
import { conversations, fetchFirst, fetchMore, filter, loaded, type Filter } from './store';
import { OpenThread } from './thread';

const scroll = signal(0);
// Whether the profile covers the thread on a narrow screen.
const profile = signal(false);

export function Conversations() {
  const open = route.value[1];
  useEffect(() => void fetchFirst(), [filter.value]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.altKey && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) {
        event.preventDefault();
        step(event.key === 'ArrowDown' ? 1 : -1);
      }
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  return (
    <div
      id="conversations"
      class={`${open ? 'opened' : ''} ${profile.value ? 'with-profile' : ''}`}
    >
      <section id="list" aria-label="Conversations">
        <Filters />
        {loaded.value && !conversations.value.length ? (
          <p class="soft empty">{EMPTY_TEXTS[filter.value.status]}</p>
        ) : (
          <Rows
            id="items"
            label="Conversations"
            items={conversations.value}
            height={76}
            scroll={scroll}
            onEnd={fetchMore}
            row={(item) => <Line item={item} open={open === item.id} />}
          />
        )}
      </section>
      {open ? (
        <>
          <OpenThread key={open} id={open} profile={profile} />
          <Profile key={`profile ${open}`} id={open} />
        </>
      ) : (
        <section id="choose">
          {loaded.value && <FirstSteps />}
          <Keys />
        </section>
      )}
    </div>
  );
}

const EMPTY_TEXTS = {
  open: 'No open conversations.',
  closed: 'No closed conversations.',
  all: 'No conversations yet. A visitor’s first message appears here.',
};

const KEYS = [
  ['Alt ↓', 'Next conversation'],
  ['Alt ↑', 'Previous conversation'],
  ['Enter', 'Send'],
  ['Shift Enter', 'New line'],
  ['Alt N', 'Switch to note'],
  ['Alt C', 'Close or reopen'],
];

function Keys() {
  return (
    <dl class="keys">
      {KEYS.map(([key, what]) => [
        <dt key={key}>
          <kbd>{key}</kbd>
        </dt>,
        <dd key={`${key} does`}>{what}</dd>,
      ])}
    </dl>
  );
}

function step(by: number) {
  const items = conversations.value;
  const at = items.findIndex(({ id }) => id === route.value[1]);
  const next = items[at < 0 ? 0 : at + by];
  if (next) go('conversations', next.id);
}

function Filters() {
  const set = (part: Partial<Filter>) => {
    filter.value = { ...filter.value, ...part };
    scroll.value = 0;
  };
  return (
    <div class="filters">
      <select
        aria-label="Status"
        value={filter.value.status}
        onChange={({ currentTarget }) => set({ status: currentTarget.value as Filter['status'] })}
      >
        <option value="open">Open</option>
        <option value="closed">Closed</option>
        <option value="all">All</option>
      </select>
      <select
        aria-label="Assigned to"
        value={filter.value.assignee}
        onChange={({ currentTarget }) =>
          set({ assignee: currentTarget.value as Filter['assignee'] })
        }
      >
        <option value="">All agents</option>
        <option value="me">Assigned to me</option>
        <option value="none">Unassigned</option>
      </select>
    </div>
  );
}

function Line({ item, open }: { item: Conversation; open: boolean }) {
  const { id, contact, lastMessage, unread, updatedAt, status } = item;
  return (
    <button
      type="button"
      class={unread ? 'line-item unread' : 'line-item'}
      aria-current={open ? 'true' : undefined}
      onClick={() => go('conversations', id)}
    >
      <Avatar id={id} name={contact.name} />
      <span class="name">
        <bdi>{contact.name}</bdi>
      </span>
      <When at={updatedAt} />
      <span class="last">
        {status === 'closed' && 'Closed · '}
        {lastMessage?.kind === 'note'
          ? 'Note: '
          : lastMessage?.author.kind === 'agent' &&
            `${lastMessage.author.id === me.value?.id ? 'You' : lastMessage.author.name || 'Team'}: `}
        {lastMessage?.text.slice(0, 120)}
      </span>
      {unread > 0 && (
        <span class="count" aria-label={`${unread} unread`}>
          {unread}
        </span>
      )}
    </button>
  );
}
