// The texts in the requested language. English is built in, and is the fallback for a language that is missing or
// can't be loaded. Each other language is a separate file that is loaded when it is needed.
import { computed, effect, signal } from '@preact/signals';
import en from './texts/en';
import type { AnyTexts } from './texts/type';

/** Each is built as a separate file from `texts/`. */
const LANGUAGES = ['ar', 'de', 'es', 'fr', 'he', 'it', 'ja', 'nl', 'pl', 'pt', 'tr', 'uk', 'zh-CN'];
/** Tags whose file has another name: other scripts and regions of Chinese, the old tag of Hebrew. */
const ALIASES: Record<string, string> = { zh: 'zh-CN', iw: 'he' };
const RIGHT_TO_LEFT = ['ar', 'he'];

/** The requested language, as the page or the browser names it. */
export const locale = signal('en');
/** The requested language as a valid tag, for the server; pages use `en_US` and worse. */
export const tag = computed(() => {
  try {
    return Intl.getCanonicalLocales(locale.value.replaceAll('_', '-'))[0] ?? 'en';
  } catch {
    return 'en';
  }
});
const language = computed(() => tag.value.split('-')[0]!.toLowerCase());
const wanted = computed(() => {
  const name = ALIASES[language.value] ?? language.value;
  return LANGUAGES.includes(name) ? name : 'en';
});
const loaded = signal<{ language: string; texts: AnyTexts }>({ language: 'en', texts: en });
const missing = signal('');

/** The texts to show now. */
export const t = computed(() => loaded.value.texts);
/** The language of those texts. */
export const shown = computed(() => loaded.value.language);
/** False while the requested language is being loaded. */
export const ready = computed(() => [shown.value, missing.value].includes(wanted.value));
/** The tag for dates, numbers and plurals: regional where the texts are of that language. */
export const format = computed(() =>
  language.value === shown.value.split('-')[0] ? tag.value : shown.value,
);
export const rightToLeft = computed(() => RIGHT_TO_LEFT.includes(shown.value));

effect(() => void load(wanted.value));

// The bundler must not follow the import: it would add code that preloads styles, and there are none.
async function fetchTexts(name: string) {
  const file = `./frame.${name}.js`;
  return ((await import(/* @vite-ignore */ file)) as { default: AnyTexts }).default;
}

async function load(name: string) {
  const texts = name === 'en' ? en : await fetchTexts(name).catch(() => undefined);
  // Another language was requested meanwhile.
  if (wanted.peek() !== name) return;
  if (!texts) missing.value = name;
  // The file may be of another version than this page: English fills in missing texts.
  loaded.value = texts
    ? { language: name, texts: { ...en, ...texts } }
    : { language: 'en', texts: en };
}

/** A text with its `{…}` filled in. */
export const fill = (text: string, values: Record<string, string | number>) =>
  text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));

/** Isolates a name within a text, so that a right-to-left name doesn't reorder the text around it. */
export const isolated = (name: string) => `\u2068${name}\u2069`;

/** A number in the format of the language. */
export const number = (value: number) => new Intl.NumberFormat(format.value).format(value);

/** "3 unread", in the plural form that the language requires. */
export function unreadText(count: number) {
  const { unread } = t.value;
  return fill(unread[new Intl.PluralRules(format.value).select(count)] ?? unread.other ?? '', {
    n: number(count),
  });
}
