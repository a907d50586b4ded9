// The messages of the open thread, and how far each side has read them.
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import type { Message } from '../../shared/api';
import { Text, When } from '../../shared/text';
import { beginsDay, dayName, lastSeen, together } from '../../shared/together';
import { attempt, call } from '../login';
import type { Run } from './run';
import { changed, one } from './store';

export function Messages({ id, run }: { id: string; run: Run }) {
  const box = useRef<HTMLDivElement>(null);
  const anchor = useRef<{ seq: string; top: number } | null>(null);
  const follow = useRef(true);
  const messages = run.messages.value;

  // What one looks at stays where it is, whatever comes above or below; at the end, the end is followed.
  useLayoutEffect(() => {
    const scroller = box.current!;
    if (follow.current && run.atEnd.value) scroller.scrollTop = scroller.scrollHeight;
    else if (anchor.current) {
      const row = scroller.querySelector<HTMLElement>(`[data-seq="${anchor.current.seq}"]`);
      if (row) scroller.scrollTop += row.getBoundingClientRect().top - anchor.current.top;
    }
    void markRead();
  }, [messages]);

  const onScroll = () => {
    const scroller = box.current!;
    const end = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
    follow.current = end < 80;
    const top = scroller.getBoundingClientRect().top;
    const row = [...scroller.querySelectorAll<HTMLElement>('li')].find(
      (item) => item.getBoundingClientRect().bottom > top,
    );
    anchor.current = row ? { seq: row.dataset.seq!, top: row.getBoundingClientRect().top } : null;
    if (scroller.scrollTop < 600) void attempt(async () => run.earlier());
    if (end < 600) void attempt(async () => run.later());
  };

  // What is on the screen counts as read; what an agent doesn't see stays unread.
  const read = useRef(0);
  const markRead = async () => {
    const seq = run.last;
    if (document.hidden || !run.atEnd.value || seq <= read.current) return;
    read.current = seq;
    const item = one(id);
    if (item && !item.unread && item.lastSeq >= seq) return;
    try {
      await call('POST', `/conversations/${id}/read`, { seq });
      const now = one(id);
      if (now && now.lastSeq <= seq) changed({ ...now, unread: 0 });
    } catch {
      read.current = 0;
    }
  };
  useEffect(() => {
    document.addEventListener('visibilitychange', markRead);
    return () => document.removeEventListener('visibilitychange', markRead);
  }, []);

  const seen = lastSeen(messages, 'agent', run.seenTo.value);
  return (
    <div id="scroller" ref={box} tabIndex={0} role="log" aria-label="Messages" onScroll={onScroll}>
      <ol id="thread">
        {messages.map((message, index) => (
          <Bubble
            key={message.seq}
            message={message}
            before={messages[index - 1]}
            next={messages[index + 1]}
            seen={message.seq === seen}
          />
        ))}
      </ol>
      {!run.atEnd.value && (
        <button
          type="button"
          class="newest"
          onClick={() => void attempt(() => ((follow.current = true), run.toEnd()))}
        >
          To the newest
        </button>
      )}
    </div>
  );
}

function Bubble({
  message,
  before,
  next,
  seen,
}: {
  message: Message;
  before?: Message;
  next?: Message;
  seen: boolean;
}) {
  const { author, kind, text, createdAt, seq } = message;
  const side =
    kind === 'event'
      ? 'event'
      : kind === 'note'
        ? 'mine note'
        : author.kind === 'agent'
          ? 'mine'
          : '';
  const goesOn = together(message, next);
  return (
    <li class={`${side} ${goesOn ? 'goes-on' : ''}`} data-seq={seq}>
      {beginsDay(message, before) && <p class="day">{dayName(createdAt)}</p>}
      <p class="text" dir="auto">
        <Text text={text} />
      </p>
      {(!goesOn || seen) && (
        <p class="under">
          {kind === 'note' && 'Note · '}
          {author.name && <bdi>{author.name}</bdi>}
          {author.name && ' · '}
          <When at={createdAt} dayKnown />
          {seen && ' · Seen'}
        </p>
      )}
    </li>
  );
}
