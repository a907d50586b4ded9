// Light or dark: as the application's look says, else as the page around the chat.
import { computed, effect, signal } from '@preact/signals';
import { inkOn } from '../shared/look';
import { lookOf, pageScheme, session } from './chat';

const dark = matchMedia('(prefers-color-scheme: dark)');
const systemDark = signal(dark.matches);
dark.addEventListener('change', () => (systemDark.value = dark.matches));

const theme = computed(() => {
  const chosen = session.value?.settings.look?.theme;
  if (chosen === 'light' || chosen === 'dark') return chosen;
  // A page that says nothing is light, whatever the system prefers.
  if (!pageScheme.value.includes('dark')) return 'light';
  return systemDark.value || !pageScheme.value.includes('light') ? 'dark' : 'light';
});

/** Keeps the document in the theme and the brand color. What was there stays while a session begins. */
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
