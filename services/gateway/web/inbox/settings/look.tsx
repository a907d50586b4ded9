// How an application's widget looks: the fields, and a preview that follows them.
import type { Signal } from '@preact/signals';
import defaults from '../../frame/texts/en';
import type { ReplyTime } from '../../frame/texts/type';
import { Problem } from '../../shared/http';
import {
  DEFAULT_COLOR,
  MAX_GREETING_LENGTH,
  MAX_TITLE_LENGTH,
  inkOn,
  isColor,
} from '../../shared/look';
import { Field } from '../forms';

const MEMBERS = ['color', 'side', 'theme', 'title', 'greeting', 'replyTime'] as const;
type Member = (typeof MEMBERS)[number];

/** What the form shows; an empty text stands for the widget's default. */
export type LookValues = Record<Member, string>;

const SIDES = { '': 'Bottom right', left: 'Bottom left' };
const THEMES = { '': 'Same as the page', light: 'Light', dark: 'Dark' };
const REPLY_TIMES: Record<'' | ReplyTime, string> = {
  '': 'Don’t show',
  minutes: 'In a few minutes',
  hours: 'Within a few hours',
  day: 'Within a day',
};
const DEFAULT_HINT = 'Leave empty for the default text in each visitor’s language.';

export function readLook(look: Record<string, unknown>): LookValues {
  const text = (member: Member) => (typeof look[member] === 'string' ? look[member] : '');
  const choice = (member: Member, choices: Record<string, string>) =>
    Object.hasOwn(choices, text(member)) ? text(member) : '';
  return {
    color: text('color'),
    side: choice('side', SIDES),
    theme: choice('theme', THEMES),
    title: text('title'),
    greeting: text('greeting'),
    replyTime: choice('replyTime', REPLY_TIMES),
  };
}

/** The look to store. Members that the form doesn't know stay; throws a Problem that names a wrong field. */
export function writeLook(look: Record<string, unknown>, values: LookValues) {
  const color = values.color.trim();
  if (color && !isColor(color))
    throw new Problem(400, {
      errors: [
        {
          pointer: '/look/color',
          detail: `“${color}” isn’t a valid color. Enter # and six hexadecimal digits, for example ${DEFAULT_COLOR}.`,
        },
      ],
    });
  const stored = { ...look };
  for (const member of MEMBERS) {
    const value = values[member].trim();
    if (value) stored[member] = value;
    else delete stored[member];
  }
  return stored;
}

export function LookFields({ values }: { values: Signal<LookValues> }) {
  const look = values.value;
  const set =
    (member: Member) =>
    ({ currentTarget }: { currentTarget: { value: string } }) =>
      (values.value = { ...values.value, [member]: currentTarget.value });
  const text = (member: 'title' | 'greeting', placeholder: string, maxLength: number) => (
    <input
      value={look[member]}
      placeholder={placeholder}
      maxLength={maxLength}
      dir="auto"
      onInput={set(member)}
    />
  );
  const select = (member: Member, choices: Record<string, string>) => (
    <select value={look[member]} onChange={set(member)}>
      {Object.entries(choices).map(([value, label]) => (
        <option key={value} value={value}>
          {label}
        </option>
      ))}
    </select>
  );
  return (
    <fieldset class="look">
      <legend>Appearance</legend>
      <div class="stack">
        <div class="color">
          <Field label="Color" pointer="/look/color">
            <input
              value={look.color}
              placeholder={DEFAULT_COLOR}
              spellcheck={false}
              autocomplete="off"
              dir="ltr"
              onInput={set('color')}
            />
          </Field>
          <input
            type="color"
            aria-label="Pick a color"
            value={shownColor(look)}
            onInput={set('color')}
          />
        </div>
        <Field label="Position">{select('side', SIDES)}</Field>
        <Field label="Theme">{select('theme', THEMES)}</Field>
        <Field label="Greeting" hint={`Before the first message. ${DEFAULT_HINT}`}>
          {text('greeting', defaults.help, MAX_GREETING_LENGTH)}
        </Field>
        <Field label="Title" hint={`Until a teammate has replied. ${DEFAULT_HINT}`}>
          {text('title', defaults.title, MAX_TITLE_LENGTH)}
        </Field>
        <Field label="Reply time" hint="Shown below the greeting and the title.">
          {select('replyTime', REPLY_TIMES)}
        </Field>
      </div>
      <Preview look={look} />
    </fieldset>
  );
}

const shownColor = ({ color }: LookValues) =>
  isColor(color.trim()) ? color.trim() : DEFAULT_COLOR;

/** The widget with these values, as a visitor sees it whose language is English. */
function Preview({ look }: { look: LookValues }) {
  const { title, greeting, side, theme } = look;
  const color = shownColor(look);
  const replyTime = look.replyTime && defaults.replyTime[look.replyTime as ReplyTime];
  return (
    <figure
      class="preview"
      data-theme={theme || 'auto'}
      data-side={side || 'right'}
      style={{ '--brand': color, '--brand-ink': inkOn(color) }}
    >
      <div role="img" aria-label="Preview of the widget">
        <div class="window">
          <div class="top greets">
            <p>{defaults.hiThere}</p>
            <p class="greeting" dir="auto">
              {greeting.trim() || defaults.help}
            </p>
            {replyTime && <p class="reply-time">{replyTime}</p>}
          </div>
          <div class="start">{defaults.start}</div>
        </div>
        <div class="window">
          <div class="top">
            <p class="title" dir="auto">
              {title.trim() || defaults.title}
            </p>
            {replyTime && <p class="reply-time">{replyTime}</p>}
          </div>
          <div class="bubble" />
        </div>
        <div class="launcher">
          <svg viewBox="0 0 24 24" width="26" height="26">
            <path
              fill="currentColor"
              d="M5 4h14a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2h-7l-5 4v-4H5a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2z"
            />
          </svg>
        </div>
      </div>
      <figcaption class="soft small">Preview: before and after the first message.</figcaption>
    </figure>
  );
}
