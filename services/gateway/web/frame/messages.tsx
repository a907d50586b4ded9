// The thread: what is stored, then what waits to be.
import { useSignal } from '@preact/signals';
import type { RefObject } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Message } from '../shared/api';
import { Text, When } from '../shared/text';
import { notice } from './chat';
import type { Pending, Session } from './session';
import { locale, t } from './texts';

export function Messages({ at, scroller }: { at: Session; scroller: RefObject<HTMLDivElement | null> }) {
  const messages = at.thread.messages.value;
  const outbox = at.outbox.value;
  const fetching = useSignal(false);
  const before = useRef({ first: 0, last: 0, waiting: 0, height: 0, atEnd: true });

  // Earlier messages leave in place what is being looked at; new ones are followed by whoever is at the end.
  useLayoutEffect(() => {
    const box = scroller.current!;
    const was = before.current;
    const now = { first: messages[0]?.seq ?? 0, last: at.thread.last, waiting: outbox.length, height: box.scrollHeight, atEnd: true };
    const older = was.last && now.first < was.first;
    if (older) box.scrollTop += box.scrollHeight - was.height;
    else if (was.atEnd || now.waiting > was.waiting) box.scrollTop = box.scrollHeight;
    before.current = { ...now, atEnd: was.atEnd || now.waiting > was.waiting };
  }, [messages, outbox, at.agentTyping.value]);

  const earlier = async () => {
    if (fetching.value || !at.thread.hasEarlier) return;
    fetching.value = true;
    await at.thread.earlier().catch((problem: Error) => (notice.value = problem.message));
    fetching.value = false;
  };
  useLayoutEffect(() => {
    const box = scroller.current!;
    const onScroll = () => {
      before.current.atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 80;
      before.current.height = box.scrollHeight;
      if (box.scrollTop < 100) void earlier();
    };
    box.addEventListener('scroll', onScroll, { passive: true });
    return () => box.removeEventListener('scroll', onScroll);
  }, []);

  const seen = messages.findLast(({ author, seq }) => author.kind === 'contact' && seq <= at.seenTo.value)?.seq;
  return (
    <>
      {at.thread.hasEarlier && (
        <button type="button" id="earlier" class="quiet" disabled={fetching.value} onClick={earlier}>
          {t.value.earlier}
        </button>
      )}
      <div role="log" aria-label={t.value.messages}>
        <ol id="thread">
          {messages.map((message) => (
            <Row key={message.seq} message={message} seen={message.seq === seen} />
          ))}
        </ol>
      </div>
      <ol id="pending" aria-label={t.value.sending}>
        {outbox.map((item) => (
          <Waiting key={item.id} item={item} at={at} />
        ))}
      </ol>
      {at.agentTyping.value && <p class="small typing">{t.value.typing}</p>}
    </>
  );
}

function Row({ message, seen }: { message: Message; seen: boolean }) {
  const { author, kind, text, createdAt } = message;
  if (kind === 'event') {
    return (
      <li class="event">
        <p class="text">{text}</p>
      </li>
    );
  }
  const mine = author.kind === 'contact';
  return (
    <li class={mine ? 'mine' : ''}>
      <p class="text" dir="auto">
        <Text text={text} />
      </p>
      <p class="small">
        {!mine && author.name && <bdi>{author.name}</bdi>}
        {!mine && author.name && ' · '}
        <When at={createdAt} locale={locale.value} />
        {seen && ` · ${t.value.seen}`}
      </p>
    </li>
  );
}

function Waiting({ item, at }: { item: Pending; at: Session }) {
  const { id, text, refused } = item;
  return (
    <li>
      <p class="text" dir="auto">
        {text}
      </p>
      <p class="small">
        {refused ? (
          <>
            <span class="error">
              {t.value.notSent} {refused}{' '}
            </span>
            <button type="button" class="quiet" onClick={() => at.again(id)}>
              {t.value.again}
            </button>
          </>
        ) : at.live.value ? (
          t.value.sending
        ) : (
          t.value.waiting
        )}
      </p>
    </li>
  );
}
