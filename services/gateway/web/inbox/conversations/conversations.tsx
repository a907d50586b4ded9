// Conversations: the list with its filters, the open thread, the person beside it.
import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Conversation } from '../../shared/api';
import { When } from '../../shared/text';
import { go, route } from '../route';
import { Rows } from '../ui';
import { FirstSteps } from './first-steps';
import { Profile } from './profile';
import { conversations, fetchFirst, fetchMore, filter, type Filter } from './store';
import { OpenThread } from './thread';

const scroll = signal(0);

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
    <div id="conversations" class={open ? 'opened' : ''}>
      <section id="list" aria-label="Conversations">
        <Filters />
        <Rows id="items" label="Conversations" items={conversations.value} height={76} scroll={scroll} onEnd={fetchMore} row={(item) => <Line item={item} open={open === item.id} />} />
        {!conversations.value.length && <p class="soft empty">No conversation is here.</p>}
      </section>
      {open ? (
        <>
          <OpenThread key={open} id={open} />
          <Profile key={`profile ${open}`} id={open} />
        </>
      ) : (
        <section id="choose">
          <FirstSteps />
          <p class="soft">
            Alt ↓ and Alt ↑ walk through the conversations; in a thread Enter sends, Alt C closes or opens it, Alt N turns a text into a note.
          </p>
        </section>
      )}
    </div>
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
      <select aria-label="Status" value={filter.value.status} onChange={({ currentTarget }) => set({ status: currentTarget.value as Filter['status'] })}>
        <option value="open">Open</option>
        <option value="closed">Closed</option>
        <option value="all">All</option>
      </select>
      <select aria-label="Assigned to" value={filter.value.assignee} onChange={({ currentTarget }) => set({ assignee: currentTarget.value as Filter['assignee'] })}>
        <option value="">Anybody's</option>
        <option value="me">Mine</option>
        <option value="none">Nobody's</option>
      </select>
    </div>
  );
}

function Line({ item, open }: { item: Conversation; open: boolean }) {
  const { id, contact, lastMessage, unread, updatedAt, status } = item;
  return (
    <button type="button" class={unread ? 'line-item unread' : 'line-item'} aria-current={open ? 'true' : undefined} onClick={() => go('conversations', id)}>
      <span class="name">
        <bdi>{contact.name}</bdi>
      </span>
      <When at={updatedAt} />
      <span class="last">
        {status === 'closed' && 'Closed · '}
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
