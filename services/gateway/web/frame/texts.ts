// All that the chat says to a person, in each language. English stands in where a language is missing.
import { computed, signal } from '@preact/signals';

const en = {
  chat: 'Chat',
  title: 'Chat with us',
  you: (name: string) => `You are ${name}`,
  help: 'How can we help?',
  hello: 'Write to us: the answer comes here, on every device of yours.',
  before: 'Before we begin, who are you?',
  optional: (label: string) => `${label} (optional)`,
  begin: 'Start the chat',
  message: 'Your message',
  send: 'Send',
  emoji: 'Emoji',
  earlier: 'Earlier messages',
  newest: 'To the newest message',
  sending: 'Sending…',
  waiting: 'Waiting for the network',
  notSent: 'Not sent.',
  again: 'Try again',
  seen: 'Seen',
  typing: 'Somebody is writing…',
  connecting: 'Connecting…',
  ended: 'This chat has ended. Load the page again to go on.',
  alone: 'This page is shown inside the pages that carry the widget.',
  tooLong: 'A message holds at most 20,000 characters.',
  open: 'Open chat',
  close: 'Close chat',
  unread: 'unread',
  messages: 'Messages',
  fields: {} as Record<string, string>,
};

type Texts = typeof en;

const uk: Texts = {
  chat: 'Чат',
  title: 'Напишіть нам',
  you: (name) => `Ви — ${name}`,
  help: 'Чим ми можемо допомогти?',
  hello: 'Напишіть нам: відповідь з’явиться тут, на всіх ваших пристроях.',
  before: 'Перш ніж почати, представтеся, будь ласка.',
  optional: (label) => `${label} (необов’язково)`,
  begin: 'Почати чат',
  message: 'Ваше повідомлення',
  send: 'Надіслати',
  emoji: 'Емодзі',
  earlier: 'Попередні повідомлення',
  newest: 'До найновішого повідомлення',
  sending: 'Надсилається…',
  waiting: 'Очікує на мережу',
  notSent: 'Не надіслано.',
  again: 'Спробувати ще раз',
  seen: 'Прочитано',
  typing: 'Вам пишуть…',
  connecting: 'З’єднання…',
  ended: 'Цей чат завершено. Перезавантажте сторінку, щоб продовжити.',
  alone: 'Ця сторінка відкривається всередині сторінок із віджетом.',
  tooLong: 'Повідомлення вміщує щонайбільше 20 000 символів.',
  open: 'Відкрити чат',
  close: 'Закрити чат',
  unread: 'непрочитаних',
  messages: 'Повідомлення',
  fields: { Name: 'Ім’я', Email: 'Електронна пошта', 'E-mail': 'Електронна пошта', Phone: 'Телефон', Company: 'Компанія' },
};

const LANGUAGES: Record<string, Texts> = { en, uk };
const RIGHT_TO_LEFT = ['ar', 'fa', 'he', 'ur'];

/** The language asked for, as the page or the browser says it. */
export const locale = signal('en');
const language = computed(() => locale.value.toLowerCase().split(/[-_]/)[0]!);
/** The texts to show now. */
export const t = computed<Texts>(() => LANGUAGES[language.value] ?? en);
/** The language of those texts. */
export const shown = computed(() => (language.value in LANGUAGES ? language.value : 'en'));
/** The language asked for as a tag, for dates and for the server; pages say `en_US` and worse. */
export const tag = computed(() => {
  try {
    return Intl.getCanonicalLocales(locale.value.replaceAll('_', '-'))[0] ?? shown.value;
  } catch {
    return shown.value;
  }
});
export const rightToLeft = computed(() => RIGHT_TO_LEFT.includes(language.value));
