// The text box for a reply or a note.
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { Message } from '../../shared/api';
import { uuid } from '../../shared/http';
import { call, explain } from '../login';
import type { Run } from './run';

// Unsent texts by conversation: they stay when another conversation is opened.
const drafts = new Map<string, string>();
const TYPING_INTERVAL_MS = 3_000;

export function Answer({
  id,
  run,
  to,
  onSent,
  toggle,
}: {
  id: string;
  run: Run;
  to: string;
  onSent?: () => Promise<unknown>;
  toggle: () => void;
}) {
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
    if (typing && Date.now() - typedAt.current < TYPING_INTERVAL_MS) return;
    if (!typing && !typedAt.current) return;
    typedAt.current = typing ? Date.now() : 0;
    call('POST', `/conversations/${id}/typing`, { typing }).catch(() => {});
  };
  const send = async () => {
    const kind = note.value ? 'note' : 'text';
    const draft = text.value;
    if (!draft.trim() || sending.value) return;
    // A retry of the same text has the same id, so that it can't be stored twice.
    if (unsent.current?.text !== draft || unsent.current.kind !== kind)
      unsent.current = { clientMessageId: uuid(), text: draft, kind };
    sending.value = true;
    error.value = '';
    try {
      const stored = await call<Message>('POST', `${to}/messages`, unsent.current);
      unsent.current = null;
      typedAt.current = 0;
      if (text.value === draft) {
        text.value = '';
        drafts.delete(id);
      }
      if (onSent) await onSent();
      else if (run.atEnd.value) run.receive(stored);
      else await run.toEnd();
    } catch (problem) {
      error.value = `Couldn’t send. ${explain(problem)} Press Send to try again.`;
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
    } else if (
      event.key === 'Enter' &&
      !event.shiftKey &&
      !event.isComposing &&
      event.keyCode !== 229
    ) {
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
        {note.value ? 'Note' : 'Reply'}
      </label>
      <textarea
        id="answer-text"
        ref={box}
        rows={3}
        dir="auto"
        placeholder={note.value ? 'Write a note only your team can see…' : 'Write a reply…'}
        value={text.value}
        onInput={({ currentTarget }) => write(currentTarget.value)}
        onKeyDown={onKey}
      />
      <div class="line">
        <label class="check">
          <input
            type="checkbox"
            checked={note.value}
            onChange={({ currentTarget }) => (note.value = currentTarget.checked)}
          />{' '}
          Note
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
