// The messages of the open thread and their read marks.
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import type { Message } from '../../shared/api';
import { Text, When } from '../../shared/text';
import { beginsDay, dayName, inOneRun, lastSeen } from '../../shared/runs';
import { attempt, call } from '../login';
import type { Run } from './run';
import { changed, conversationById } from './store';

export function Messages({ id, run }: { id: string; run: Run }) {
  const box = useRef<HTMLDivElement>(null);
  const anchor = useRef<{ seq: string; top: number } | null>(null);
  const follow = useRef(true);
  const messages = run.messages.value;

  // Messages that load above or below don't move the visible ones. At the end of the thread the view follows new messages.
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

  // Messages count as read when they are visible.
  const readTo = useRef(0);
  const markRead = async () => {
    const seq = run.last;
    if (document.hidden || !run.atEnd.value || seq <= readTo.current) return;
    readTo.current = seq;
    const item = conversationById(id);
    if (item && !item.unread && item.lastSeq >= seq) return;
    try {
      await call('POST', `/conversations/${id}/read`, { seq });
      const now = conversationById(id);
      if (now && now.lastSeq <= seq) changed({ ...now, unread: 0 });
    } catch {
      readTo.current = 0;
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
  const continues = inOneRun(message, next);
  return (
    <li class={`${side} ${continues ? 'goes-on' : ''}`} data-seq={seq}>
      {beginsDay(message, before) && <p class="day">{dayName(createdAt)}</p>}
      <p class="text" dir="auto">
        <Text text={text} />
      </p>
      {(!continues || seen) && (
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
