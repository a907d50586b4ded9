// Where a person writes.
import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { draft, say } from './chat';
import { LONGEST_TEXT, type Session } from './session';
import { t } from './texts';

const EMOJI = [...'😀😂😊😍🤔😢😡👍👎👏🙏💪🎉❤️🔥✅❌⭐💡📦💳🚚📞📎'].filter((one) => one !== '\ufe0f');

export function Composer({ at }: { at: Session }) {
  const error = useSignal('');
  const picking = useSignal(false);
  const box = useRef<HTMLTextAreaElement>(null);
  const write = (text: string) => {
    draft.value = text;
    at.typing(text !== '');
  };
  const send = () => {
    const text = draft.value;
    error.value = [...text].length > LONGEST_TEXT ? t.value.tooLong : '';
    if (!error.value && say(text)) draft.value = '';
    box.current?.focus();
  };
  const put = (emoji: string) => {
    const { selectionStart, selectionEnd } = box.current!;
    write(draft.value.slice(0, selectionStart) + emoji + draft.value.slice(selectionEnd));
    picking.value = false;
    box.current!.focus();
  };
  return (
    <form
      id="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      {picking.value && (
        <div id="emoji" role="group" aria-label={t.value.emoji}>
          {EMOJI.map((emoji) => (
            <button type="button" key={emoji} onClick={() => put(emoji)}>
              {emoji}
            </button>
          ))}
        </div>
      )}
      <div class="box">
        <label for="text" class="unseen">
          {t.value.message}
        </label>
        <textarea
          id="text"
          ref={box}
          rows={1}
          dir="auto"
          placeholder={t.value.message}
          autocomplete="off"
          value={draft.value}
          onInput={({ currentTarget }) => write(currentTarget.value)}
          onBlur={() => at.typing(false)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
            event.preventDefault();
            send();
          }}
        />
        <button type="button" class="plain" aria-label={t.value.emoji} aria-expanded={picking.value} onClick={() => (picking.value = !picking.value)}>
          <svg viewBox="0 0 24 24" aria-hidden="true">
            <path d="M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM9 9.5v.5M15 9.5v.5M8 14.5c2 2.5 6 2.5 8 0" />
          </svg>
        </button>
        <button type="submit" aria-label={t.value.send}>
          <svg viewBox="0 0 24 24" aria-hidden="true">
            <path d="M4 12l16-8-6 16-3-6z" />
          </svg>
        </button>
      </div>
      <p id="text-error" class="error" role="alert" hidden={!error.value}>
        {error.value}
      </p>
    </form>
  );
}
