// The audit log.
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { AuditEntry } from '../../shared/api';
import type { Page } from '../../shared/page';
import { When } from '../../shared/text';
import { attempt, call, team } from '../login';

export function Audit() {
  const items = useSignal<AuditEntry[]>([]);
  const cursor = useSignal<string | null>('');
  const more = () =>
    attempt(async () => {
      const page = await call<Page<AuditEntry>>(
        'GET',
        `/audit?limit=50${cursor.value ? `&cursor=${encodeURIComponent(cursor.value)}` : ''}`,
      );
      items.value = [...items.value, ...page.items];
      cursor.value = page.nextCursor;
    });
  useEffect(() => void more(), []);
  const name = (actor: string) => team.value.get(actor)?.email ?? actor;
  return (
    <>
      <h1>Audit log</h1>
      <div class="table" tabIndex={0} role="group" aria-label="Audit log">
        <table>
          <thead>
            <tr>
              {['Time', 'Who', 'Action', 'Target', 'Details'].map((title) => (
                <th key={title} scope="col">
                  {title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {items.value.map((entry, index) => (
              <tr key={index}>
                <td>
                  <When at={entry.at} />
                </td>
                <td>{name(entry.actor)}</td>
                <td>{entry.action}</td>
                <td>{entry.subject}</td>
                <td dir="auto">{entry.detail}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {cursor.value && (
        <button type="button" onClick={() => void more()}>
          Load more
        </button>
      )}
    </>
  );
}
