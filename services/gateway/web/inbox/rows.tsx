// A virtual list of rows of the same height: only the visible ones are in the page.
import { useSignal, useSignalEffect, type Signal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

/** `onEnd` is called shortly before the last row becomes visible. */
export function Rows<T>(props: {
  id: string;
  label: string;
  items: T[];
  height: number;
  row: (item: T) => JSX.Element;
  onEnd?: () => void;
  scroll: Signal<number>;
}) {
  const { items, height, row, onEnd, scroll } = props;
  const box = useRef<HTMLDivElement>(null);
  const viewHeight = useSignal(800);
  useEffect(() => {
    const element = box.current!;
    const watch = new ResizeObserver(() => (viewHeight.value = element.clientHeight));
    watch.observe(element);
    return () => watch.disconnect();
  }, []);
  // The caller stores the scroll position, for when the list is shown again or its filter changes.
  useSignalEffect(() => {
    if (box.current!.scrollTop !== scroll.value) box.current!.scrollTop = scroll.value;
  });
  const first = Math.max(0, Math.floor(scroll.value / height) - 5);
  const last = Math.min(items.length, Math.ceil((scroll.value + viewHeight.value) / height) + 5);
  useEffect(() => {
    if (last >= items.length - 10) onEnd?.();
  }, [last, items.length]);
  return (
    <div
      class="rows"
      ref={box}
      tabIndex={0}
      role="group"
      aria-label={props.label}
      onScroll={({ currentTarget }) => (scroll.value = currentTarget.scrollTop)}
    >
      <ul id={props.id} style={{ height: `${items.length * height}px` }}>
        {items.slice(first, last).map((item, index) => (
          <li
            key={(item as { id: string }).id}
            style={{ top: `${(first + index) * height}px`, height: `${height}px` }}
          >
            {row(item)}
          </li>
        ))}
      </ul>
    </div>
  );
}
