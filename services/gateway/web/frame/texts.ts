// The texts in the language asked for. English is at hand from the beginning and stands in where a language is missing
// or can't be loaded; each other language is a file of its own, loaded when it is needed.
import { computed, effect, signal } from '@preact/signals';
import en from './texts/en';
import type { AnyTexts } from './texts/type';

/** Each is built as a file of its own from `texts/`. */
const LANGUAGES = ['ar', 'de', 'es', 'fr', 'he', 'it', 'ja', 'nl', 'pl', 'pt', 'tr', 'uk', 'zh-CN'];
/** Languages whose tag isn't the name of the file: other scripts and regions of Chinese, the old tag of Hebrew. */
const ALIASES: Record<string, string> = { zh: 'zh-CN', iw: 'he' };
const RIGHT_TO_LEFT = ['ar', 'he'];

/** The language asked for, as the page or the browser says it. */
export const locale = signal('en');
/** The language asked for as a tag, for the server; pages say `en_US` and worse. */
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
/** False while the language asked for is still on its way. */
export const ready = computed(() => [shown.value, missing.value].includes(wanted.value));
/** The tag for dates, numbers and plurals: regional where the texts are of that language. */
export const format = computed(() =>
  language.value === shown.value.split('-')[0] ? tag.value : shown.value,
);
export const rightToLeft = computed(() => RIGHT_TO_LEFT.includes(shown.value));

effect(() => void load(wanted.value));

// By a name that the bundler can't follow: it would add what preloads styles, which there are none of.
async function fetchTexts(name: string) {
  const file = `./frame.${name}.js`;
  return ((await import(/* @vite-ignore */ file)) as { default: AnyTexts }).default;
}

async function load(name: string) {
  const texts = name === 'en' ? en : await fetchTexts(name).catch(() => undefined);
  // Another one was asked for meanwhile.
  if (wanted.peek() !== name) return;
  if (!texts) missing.value = name;
  // A page that is older than the file has no text too few.
  loaded.value = texts
    ? { language: name, texts: { ...en, ...texts } }
    : { language: 'en', texts: en };
}

/** A text with its `{…}` filled in. */
export const fill = (text: string, values: Record<string, string | number>) =>
  text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));

/** A name within a text: one of another script turns nothing around it. */
export const isolated = (name: string) => `\u2068${name}\u2069`;

/** A number as people of the language write it. */
export const number = (value: number) => new Intl.NumberFormat(format.value).format(value);

/** "3 unread", in the plural form that the language wants. */
export function unreadText(count: number) {
  const { unread } = t.value;
  return fill(unread[new Intl.PluralRules(format.value).select(count)] ?? unread.other ?? '', {
    n: number(count),
  });
}
