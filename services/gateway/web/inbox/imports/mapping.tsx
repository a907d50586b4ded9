// Maps the columns of a file to fields of a contact, with the first rows as a preview.
import { useSignal } from '@preact/signals';
import type { Import } from '../../shared/api';
import { call } from '../login';
import { Form } from '../forms';
import { number } from '../ui';

const FIELDS = ['user_id', 'email', 'name', 'phone', 'company', 'security_hash', 'tags'];
const key = (column: string) =>
  [...column.normalize('NFC').replace(/[^\p{L}\p{M}\p{N} _.-]+/gu, '_')]
    .slice(0, 64)
    .join('')
    .trim() || 'column';

export function Mapping({ one, onApplied }: { one: Import; onApplied: (one: Import) => void }) {
  const mapping = useSignal<Record<string, string>>(
    Object.fromEntries(one.columns.map((column) => [column, one.mapping[column] ?? ''])),
  );
  const apply = async () => {
    const targets = Object.fromEntries(
      Object.entries(mapping.value).map(([column, target]) => [column, target || null]),
    );
    onApplied(await call<Import>('POST', `/imports/${one.id}/apply`, { mapping: targets }));
  };
  return (
    <Form onSend={apply} label={`Import ${number(one.rows)} rows`}>
      <div class="table" tabIndex={0} role="group" aria-label="Columns">
        <table>
          <thead>
            <tr>
              {one.columns.map((column) => (
                <th key={column} scope="col">
                  <bdi>{column}</bdi>
                  <select
                    aria-label={`${column} becomes`}
                    value={mapping.value[column]}
                    onChange={({ currentTarget }) =>
                      (mapping.value = { ...mapping.value, [column]: currentTarget.value })
                    }
                  >
                    <option value="">Skip this column</option>
                    {FIELDS.map((field) => (
                      <option key={field}>{field}</option>
                    ))}
                    <option value={`custom.${key(column)}`}>{`custom.${key(column)}`}</option>
                  </select>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {one.preview.slice(0, 5).map((row, index) => (
              <tr key={index}>
                {one.columns.map((column, at) => (
                  <td key={column} dir="auto">
                    {row[at]}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Form>
  );
}
