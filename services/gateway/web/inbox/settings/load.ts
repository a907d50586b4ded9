// A list of the settings: fetched when it is shown, fetched anew after each change.
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { all, attempt } from '../login';

export function useList<T>(path: string) {
  const items = useSignal<T[]>([]);
  const load = () => attempt(async () => void (items.value = await all<T>(path)));
  useEffect(() => void load(), []);
  return { items, load };
}
