// The open thread: its head, the messages, and the text box.
import { useSignal, type Signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import type { Contact, Conversation, Message, MessagePage } from '../../shared/api';
import { asProblem } from '../../shared/http';
import { on } from '../live';
import { attempt, call, me, team } from '../login';
import { go } from '../route';
import { Avatar } from '../ui';
import { Answer } from './answer';
import { Messages } from './messages';
import { Run } from './run';
import { changed as updateList, conversationById } from './store';

export function OpenThread({ id, profile }: { id: string; profile: Signal<boolean> }) {
  const run = useMemo(
    () => new Run((query) => call<MessagePage>('GET', `/conversations/${id}/messages${query}`)),
    [],
  );
  const conversation = useSignal<Conversation | undefined>(conversationById(id));
  const typing = useSignal(false);
  // A contact without a conversation: the first message that an agent sends starts it.
  const contactOnly = useSignal<Contact | null>(null);
  const reload = () =>
    attempt(async () => {
      try {
        const [found] = await Promise.all([
          call<Conversation>('GET', `/conversations/${id}`),
          run.toEnd(),
        ]);
        conversation.value = found;
        contactOnly.value = null;
      } catch (problem) {
        if (asProblem(problem).status !== 404) throw problem;
        contactOnly.value = await call<Contact>('GET', `/contacts/${id}`);
      }
    });
  useEffect(() => {
    void reload();
    const stop = [
      on('message', (message: Message & { conversationId: string }) => {
        if (message.conversationId !== id) return;
        if (message.author.kind === 'contact') typing.value = false;
        run.receive(message);
      }),
      on('conversation', (changed: Conversation) => {
        if (changed.id !== id) return;
        if (contactOnly.value) void reload();
        conversation.value = changed;
      }),
      on(
        'typing',
        (event) =>
          event.conversationId === id && event.side === 'contact' && (typing.value = event.typing),
      ),
      on(
        'read',
        (event) => event.conversationId === id && event.side === 'contact' && run.seen(event.seq),
      ),
      on('reload', reload),
    ];
    return () => stop.forEach((end) => end());
  }, []);
  const change = (body: Partial<Pick<Conversation, 'status' | 'assigneeId'>>) =>
    attempt(async () => {
      conversation.value = await call<Conversation>('PATCH', `/conversations/${id}`, body);
      updateList(conversation.value);
    });
  return (
    <section id="talk" aria-label="Conversation">
      <Head conversation={conversation.value} change={change} profile={profile} />
      {contactOnly.value ? (
        <p class="soft empty" id="scroller">
          No messages yet. Send the first one: <bdi>{contactOnly.value.name}</bdi> will see it at
          the next visit.
        </p>
      ) : (
        <Messages id={id} run={run} />
      )}
      <p class="soft small typing" role="status">
        {typing.value ? `${conversation.value?.contact.name ?? 'Someone'} is typing…` : ''}
      </p>
      <Answer
        id={id}
        run={run}
        to={contactOnly.value ? `/contacts/${id}` : `/conversations/${id}`}
        onSent={contactOnly.value ? reload : undefined}
        toggle={() =>
          conversation.value &&
          change({ status: conversation.value.status === 'open' ? 'closed' : 'open' })
        }
      />
    </section>
  );
}

function Head({
  conversation,
  change,
  profile,
}: {
  conversation?: Conversation;
  change: (body: Partial<Conversation>) => void;
  profile: Signal<boolean>;
}) {
  if (!conversation) return <div class="talk-head" />;
  const { contact, status, assigneeId } = conversation;
  return (
    <div class="talk-head">
      <button
        type="button"
        class="back narrow"
        aria-label="Back to the list"
        onClick={() => go('conversations')}
      >
        ‹
      </button>
      <Avatar id={contact.id} name={contact.name} />
      <h2>
        <bdi>{contact.name}</bdi>
      </h2>
      <button
        type="button"
        class="narrow"
        aria-expanded={profile.value}
        onClick={() => (profile.value = !profile.value)}
      >
        Profile
      </button>
      <select
        aria-label="Assigned to"
        value={assigneeId ?? ''}
        onChange={({ currentTarget }) => change({ assigneeId: currentTarget.value || null })}
      >
        <option value="">Unassigned</option>
        {assigneeId && !team.value.has(assigneeId) && (
          <option value={assigneeId}>A teammate</option>
        )}
        {[...team.value.values()].map((agent) => (
          <option key={agent.id} value={agent.id}>
            {agent.id === me.value?.id ? 'Me' : agent.name || agent.email}
          </option>
        ))}
      </select>
      <button
        type="button"
        onClick={() => change({ status: status === 'open' ? 'closed' : 'open' })}
      >
        {status === 'open' ? 'Close' : 'Reopen'}
      </button>
    </div>
  );
}
