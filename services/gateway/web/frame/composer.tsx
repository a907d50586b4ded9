// The text box, the emoji picker and the send button.
import { useSignal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { draft, send as sendText } from './chat';
import { Icon } from './icons';
import { MAX_TEXT_LENGTH, type Session } from './session';
import { fill, number, t } from './texts';

const EMOJI = [...'😀😂😊😍🤔😢😡👍👎👏🙏💪🎉❤️🔥✅❌⭐💡📦💳🚚📞📎'].filter(
  (character) => character !== '\ufe0f',
);

export function Composer({ session }: { session: Session }) {
  const error = useSignal('');
  const picking = useSignal(false);
  const box = useRef<HTMLTextAreaElement>(null);
  const write = (text: string) => {
    draft.value = text;
    session.typing(text !== '');
  };
  const send = () => {
    const text = draft.value;
    error.value =
      [...text].length > MAX_TEXT_LENGTH
        ? fill(t.value.tooLong, { max: number(MAX_TEXT_LENGTH) })
        : '';
    if (!error.value && sendText(text)) draft.value = '';
    box.current?.focus();
  };
  // For browsers without `field-sizing`.
  useLayoutEffect(() => {
    if (CSS.supports('field-sizing', 'content')) return;
    const { style } = box.current!;
    style.height = 'auto';
    style.height = `${box.current!.scrollHeight}px`;
  }, [draft.value]);
  const insert = (emoji: string) => {
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
            <button type="button" key={emoji} onClick={() => insert(emoji)}>
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
          placeholder={t.value.message}
          autocomplete="off"
          enterkeyhint="send"
          aria-describedby={error.value ? 'text-error' : undefined}
          value={draft.value}
          onInput={({ currentTarget }) => write(currentTarget.value)}
          onBlur={() => session.typing(false)}
          onKeyDown={(event) => {
            if (
              event.key !== 'Enter' ||
              event.shiftKey ||
              event.isComposing ||
              event.keyCode === 229
            )
              return;
            event.preventDefault();
            send();
          }}
        />
        <button
          type="button"
          class="plain"
          aria-label={t.value.emoji}
          aria-expanded={picking.value}
          onClick={() => (picking.value = !picking.value)}
        >
          <Icon name="smile" />
        </button>
        <button type="submit" aria-label={t.value.send} class={draft.value.trim() ? '' : 'idle'}>
          <Icon name="send" />
        </button>
      </div>
      <p id="text-error" class="error" role="alert" hidden={!error.value}>
        {error.value}
      </p>
    </form>
  );
}
