// The open thread: what was said, and the box to answer in.
import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import type { Conversation, Message, MessagePage } from '../../shared/api';
import { uuid } from '../../shared/http';
import { Text, When } from '../../shared/text';
import { on } from '../live';
import { attempt, call, explain, me, team } from '../login';
import { go } from '../route';
import { Run } from './run';
import { changed, one } from './store';

export function OpenThread({ id }: { id: string }) {
  const run = useMemo(() => new Run((query) => call<MessagePage>('GET', `/conversations/${id}/messages${query}`)), []);
  const conversation = useSignal<Conversation | undefined>(one(id));
  const typing = useSignal(false);
  useEffect(() => {
    const reload = () => {
      void attempt(() => run.toEnd());
      void attempt(async () => void (conversation.value = await call<Conversation>('GET', `/conversations/${id}`)));
    };
    reload();
    const stop = [
      on('message', (said: Message & { conversationId: string }) => said.conversationId === id && run.receive(said)),
      on('conversation', (said: Conversation) => said.id === id && (conversation.value = said)),
      on('typing', (said) => said.conversationId === id && said.side === 'contact' && (typing.value = said.typing)),
      on('reload', reload),
    ];
    return () => stop.forEach((end) => end());
  }, []);
  const change = (body: Partial<Pick<Conversation, 'status' | 'assigneeId'>>) =>
    attempt(async () => {
      conversation.value = await call<Conversation>('PATCH', `/conversations/${id}`, body);
      changed(conversation.value);
    });
  return (
    <section id="talk" aria-label="Conversation">
      <Head conversation={conversation.value} change={change} />
      <Messages id={id} run={run} />
      <p class="soft small typing" role="status">
        {typing.value ? 'is writing…' : ''}
      </p>
      <Answer id={id} run={run} toggle={() => conversation.value && change({ status: conversation.value.status === 'open' ? 'closed' : 'open' })} />
    </section>
  );
}

function Head({ conversation, change }: { conversation?: Conversation; change: (body: Partial<Conversation>) => void }) {
  if (!conversation) return <div class="talk-head" />;
  const { contact, status, assigneeId } = conversation;
  return (
    <div class="talk-head">
      <button type="button" class="back" aria-label="Back to the list" onClick={() => go('conversations')}>
        ‹
      </button>
      <h2>
        <bdi>{contact.name}</bdi>
      </h2>
      <select aria-label="Assigned to" value={assigneeId ?? ''} onChange={({ currentTarget }) => change({ assigneeId: currentTarget.value || null })}>
        <option value="">Nobody</option>
        {assigneeId && !team.value.has(assigneeId) && <option value={assigneeId}>A teammate</option>}
        {[...team.value.values()].map((agent) => (
          <option key={agent.id} value={agent.id}>
            {agent.id === me.value?.id ? 'Me' : agent.name || agent.email}
          </option>
        ))}
      </select>
      <button type="button" onClick={() => change({ status: status === 'open' ? 'closed' : 'open' })}>
        {status === 'open' ? 'Close' : 'Reopen'}
      </button>
    </div>
  );
}

function Messages({ id, run }: { id: string; run: Run }) {
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
    const row = [...scroller.querySelectorAll<HTMLElement>('li')].find((item) => item.getBoundingClientRect().bottom > top);
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

  return (
    <div id="scroller" ref={box} tabIndex={0} role="log" aria-label="Messages" onScroll={onScroll}>
      <ol id="thread">
        {messages.map((message) => (
          <Bubble key={message.seq} message={message} />
        ))}
      </ol>
      {!run.atEnd.value && (
        <button type="button" class="newest" onClick={() => void attempt(() => ((follow.current = true), run.toEnd()))}>
          To the newest
        </button>
      )}
    </div>
  );
}

function Bubble({ message }: { message: Message }) {
  const { author, kind, text, createdAt, seq } = message;
  const side = kind === 'event' ? 'event' : kind === 'note' ? 'mine note' : author.kind === 'agent' ? 'mine' : '';
  return (
    <li class={side} data-seq={seq}>
      <p class="text" dir="auto">
        <Text text={text} />
      </p>
      <p class="under">
        {kind === 'note' && 'Note · '}
        {author.name && <bdi>{author.name}</bdi>}
        {author.name && ' · '}
        <When at={createdAt} />
      </p>
    </li>
  );
}

// Texts that aren't sent yet, by conversation: looking elsewhere loses none.
const drafts = new Map<string, string>();
const TYPING_EVERY_MS = 3_000;

function Answer({ id, run, toggle }: { id: string; run: Run; toggle: () => void }) {
  const text = useSignal(drafts.get(id) ?? '');
  const note = useSignal(false);
  const error = useSignal('');
  const sending = useSignal(false);
  const box = useRef<HTMLTextAreaElement>(null);
  const unsent = useRef<{ clientMessageId: string; text: string; kind: string } | null>(null);
  const typedAt = useRef(0);
  useEffect(() => box.current?.focus(), []);

  const write = (value: string) => {
    text.value = value;
    drafts.set(id, value);
    const typing = value !== '' && !note.value;
    if (typing && Date.now() - typedAt.current < TYPING_EVERY_MS) return;
    if (!typing && !typedAt.current) return;
    typedAt.current = typing ? Date.now() : 0;
    call('POST', `/conversations/${id}/typing`, { typing }).catch(() => {});
  };
  const send = async () => {
    const kind = note.value ? 'note' : 'text';
    const said = text.value;
    if (!said.trim() || sending.value) return;
    // The same text tried again keeps its id, so that it can't be stored twice.
    if (unsent.current?.text !== said || unsent.current.kind !== kind) unsent.current = { clientMessageId: uuid(), text: said, kind };
    sending.value = true;
    error.value = '';
    try {
      const stored = await call<Message>('POST', `/conversations/${id}/messages`, unsent.current);
      unsent.current = null;
      typedAt.current = 0;
      if (text.value === said) {
        text.value = '';
        drafts.delete(id);
      }
      if (run.atEnd.value) run.receive(stored);
      else await run.toEnd();
    } catch (problem) {
      error.value = `Not sent. ${explain(problem)} Press Send to try again.`;
    }
    sending.value = false;
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.altKey && event.code === 'KeyN') {
      event.preventDefault();
      note.value = !note.value;
    } else if (event.altKey && event.code === 'KeyC') {
      event.preventDefault();
      toggle();
    } else if (event.key === 'Enter' && !event.shiftKey && !event.isComposing && event.keyCode !== 229) {
      event.preventDefault();
      void send();
    }
  };
  return (
    <form
      id="answer"
      class={note.value ? 'note' : ''}
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <label for="answer-text" class="unseen">
        {note.value ? 'Your note' : 'Your answer'}
      </label>
      <textarea
        id="answer-text"
        ref={box}
        rows={3}
        dir="auto"
        placeholder={note.value ? 'A note that only your team sees' : 'Your answer'}
        value={text.value}
        onInput={({ currentTarget }) => write(currentTarget.value)}
        onKeyDown={onKey}
      />
      <div class="line">
        <label class="check">
          <input type="checkbox" checked={note.value} onChange={({ currentTarget }) => (note.value = currentTarget.checked)} /> Note
        </label>
        <p class="error" role="alert" hidden={!error.value}>
          {error.value}
        </p>
        <button type="submit" class="main" disabled={sending.value}>
          Send
        </button>
      </div>
    </form>
  );
}
