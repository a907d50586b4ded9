// The chat's theme, light or dark: the one of the application's look, else that of the page around the chat.
import { computed, effect, signal } from '@preact/signals';
import { inkOn } from '../shared/look';
import { lookOf, pageScheme, session } from './chat';

const dark = matchMedia('(prefers-color-scheme: dark)');
const systemDark = signal(dark.matches);
dark.addEventListener('change', () => (systemDark.value = dark.matches));

const theme = computed(() => {
  const chosen = session.value?.settings.look?.theme;
  if (chosen === 'light' || chosen === 'dark') return chosen;
  // A page without a `color-scheme` is light even where the system prefers dark.
  if (!pageScheme.value.includes('dark')) return 'light';
  return systemDark.value || !pageScheme.value.includes('light') ? 'dark' : 'light';
});

/** Applies the theme and the brand color to the document. Both stay as they are while a new session starts. */
export const followLook = () =>
  effect(() => {
    const { dataset, style } = document.documentElement;
    dataset.theme = theme.value;
    if (!session.value) return;
    const { color } = lookOf(session.value.settings.look);
    if (!color) return ['--brand', '--brand-ink'].forEach((name) => style.removeProperty(name));
    style.setProperty('--brand', color);
    style.setProperty('--brand-ink', inkOn(color));
  });
