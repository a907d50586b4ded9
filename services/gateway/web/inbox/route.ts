// The current part of the inbox, from the address: `#conversations/<id>`, `#settings/webhooks`.
import { signal } from '@preact/signals';

const read = () => location.hash.slice(1).split('/').filter(Boolean);

export const route = signal(read());
addEventListener('hashchange', () => (route.value = read()));

export function go(...parts: string[]) {
  location.hash = parts.join('/');
}
