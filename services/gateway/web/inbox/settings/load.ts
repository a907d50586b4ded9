// A list in the settings. Its part fetches it again after each change.
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { all, attempt } from '../login';

export function useList<T>(path: string) {
  const items = useSignal<T[]>([]);
  const loaded = useSignal(false);
  const load = () =>
    attempt(async () => {
      items.value = await all<T>(path);
      loaded.value = true;
    });
  useEffect(() => void load(), []);
  return { items, loaded, load };
}
