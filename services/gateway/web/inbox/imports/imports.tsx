// Imports: upload a CSV file, map its columns, and follow its progress.
import { signal, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { Import } from '../../shared/api';
import type { Page } from '../../shared/page';
import { uuid } from '../../shared/http';
import { When } from '../../shared/text';
import { on } from '../live';
import { attempt, call, explain } from '../login';
import { number } from '../ui';
import { Mapping } from './mapping';

const FINAL_STATES = ['done', 'failed', 'cancelled'];
const UPLOAD_TIMEOUT_SECONDS = 3600;
const STATES: Record<Import['state'], string> = {
  scanning: 'Reading',
  ready: 'Ready to map',
  running: 'Importing',
  done: 'Done',
  failed: 'Failed',
  cancelled: 'Canceled',
};

const byId = signal<Map<string, Import>>(new Map());
const cursor = signal<string | null>(null);
const loaded = signal(false);

/** Adds or updates an import. A late progress event doesn't overwrite its final state. */
export function changed(one: Import) {
  const old = byId.value.get(one.id);
  if (old && FINAL_STATES.includes(old.state) && !FINAL_STATES.includes(one.state)) return;
  byId.value = new Map(byId.value).set(one.id, one);
}

const load = (from: string | null) =>
  attempt(async () => {
    const page = await call<Page<Import>>(
      'GET',
      `/imports?limit=20${from ? `&cursor=${encodeURIComponent(from)}` : ''}`,
    );
    const next = new Map(from ? byId.value : []);
    for (const one of page.items) next.set(one.id, one);
    byId.value = next;
    cursor.value = page.nextCursor;
    loaded.value = true;
  });

export function Imports() {
  useEffect(() => {
    void load(null);
    const stop = [on('import', changed), on('reload', () => load(null))];
    return () => stop.forEach((end) => end());
  }, []);
  const sorted = [...byId.value.values()].sort(
    (a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt),
  );
  return (
    <div id="imports">
      <h1>Imports</h1>
      <Upload />
      <ul id="past">
        {sorted.map((one) => (
          <li key={one.id} class="card">
            <One one={one} />
          </li>
        ))}
      </ul>
      {loaded.value && !sorted.length && (
        <p class="soft empty">No imports yet. Upload a CSV file to add contacts.</p>
      )}
      {cursor.value && (
        <button type="button" onClick={() => void load(cursor.value)}>
          Load more
        </button>
      )}
    </div>
  );
}

function Upload() {
  const file = useSignal<File | null>(null);
  const review = useSignal(true);
  const error = useSignal('');
  const sending = useSignal(false);
  const over = useSignal(false);
  // A retry with the same file has the same key, so that it doesn't start a second import.
  const key = useRef('');
  const choose = (chosen: File | null | undefined) => {
    file.value = chosen ?? null;
    key.current = uuid();
    error.value = '';
  };
  const send = async () => {
    const { name } = file.value!;
    sending.value = true;
    error.value = '';
    try {
      const headers = {
        'Content-Type': 'text/csv',
        'Content-Disposition': `attachment; filename*=UTF-8''${encodeURIComponent(name)}`,
        'Idempotency-Key': key.current,
      };
      changed(
        await call<Import>('POST', `/imports?apply=${!review.value}`, undefined, {
          file: file.value!,
          headers,
          seconds: UPLOAD_TIMEOUT_SECONDS,
        }),
      );
      file.value = null;
    } catch (problem) {
      error.value = explain(problem);
    }
    sending.value = false;
  };
  return (
    <form
      id="upload"
      class={over.value ? 'card over' : 'card'}
      onDragOver={(event) => {
        event.preventDefault();
        over.value = true;
      }}
      onDragLeave={() => (over.value = false)}
      onDrop={(event) => {
        event.preventDefault();
        over.value = false;
        choose(event.dataTransfer?.files[0]);
      }}
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <label class="field">
        <span>Drop a CSV file here, or choose one. Up to 1 GiB.</span>
        <input
          type="file"
          id="file"
          accept=".csv,.txt,.tsv,text/csv"
          onChange={({ currentTarget }) => choose(currentTarget.files?.[0])}
        />
      </label>
      {file.value && (
        <p>
          <bdi>{file.value.name}</bdi>, {number(Math.ceil(file.value.size / 1024))} KiB
        </p>
      )}
      <label class="check">
        <input
          type="checkbox"
          checked={review.value}
          onChange={({ currentTarget }) => (review.value = currentTarget.checked)}
        />{' '}
        Review the columns before importing
      </label>
      <p class="error" role="alert" hidden={!error.value}>
        {error.value}
      </p>
      <div>
        <button type="submit" class="main" disabled={!file.value || sending.value}>
          {sending.value ? 'Uploading…' : 'Import'}
        </button>
      </div>
    </form>
  );
}

function One({ one }: { one: Import }) {
  const { id, fileName, state, rows, processed, rejected, createdAt, error } = one;
  const ended = FINAL_STATES.includes(state);
  return (
    <>
      <div class="line">
        <strong>
          <bdi>{fileName || 'CSV file'}</bdi>
        </strong>
        <span class={`chip ${state}`}>{STATES[state]}</span>
        <span class="soft small">
          <When at={createdAt} />
        </span>
        {!ended && (
          <button
            type="button"
            onClick={() =>
              void attempt(async () =>
                changed(await call<Import>('POST', `/imports/${id}/cancel`, {})),
              )
            }
          >
            Cancel
          </button>
        )}
      </div>
      {!ended && state !== 'ready' && (
        <progress
          aria-label="Progress"
          max={rows || 1}
          value={state === 'running' ? processed : undefined}
        />
      )}
      <p class="soft small">{summary(one)}</p>
      {error && <p class="error">{error}</p>}
      {state === 'ready' && <Mapping one={one} onApplied={changed} />}
      {rejected > 0 && ended && <Rejected id={id} count={rejected} />}
    </>
  );
}

function summary({
  state,
  rows,
  processed,
  created,
  updated,
  unchanged,
  rejected,
  rowsPerSecond,
  encoding,
  delimiter,
}: Import) {
  const found = encoding
    ? `${encoding}, delimiter: ${delimiter === '\t' ? 'tab' : `"${delimiter}"`}`
    : '';
  if (state === 'scanning') return `Reading the file: ${number(rows)} rows so far`;
  if (state === 'ready') return `${number(rows)} rows, ${found}`;
  const counts = `${number(created)} created, ${number(updated)} updated, ${number(unchanged)} unchanged, ${number(rejected)} rejected`;
  if (state !== 'running') return `${number(rows)} rows: ${counts}`;
  const left = rowsPerSecond > 0 ? `, ${Math.ceil((rows - processed) / rowsPerSecond)} s left` : '';
  return `${number(processed)} of ${number(rows)} rows, ${number(Math.round(rowsPerSecond))} a second${left}: ${counts}`;
}

/** The rejected rows: a download, and their beginning to read here. */
function Rejected({ id, count }: { id: string; count: number }) {
  const text = useSignal('');
  const read = () =>
    attempt(async () => {
      const answer = await fetch(`/v1/imports/${id}/rejected.csv`, { credentials: 'same-origin' });
      // Only the beginning of a long file is shown.
      const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
      let all = '';
      for (
        let part = await reader.read();
        !part.done && all.length < 20_000;
        part = await reader.read()
      )
        all += part.value;
      void reader.cancel();
      text.value = all.slice(0, 20_000);
    });
  return (
    <div>
      <p>
        <a href={`/v1/imports/${id}/rejected.csv`} download="rejected.csv">
          {count === 1 ? '1 rejected row' : `${number(count)} rejected rows`} as CSV
        </a>
        : fix them and import them again.{' '}
        <button type="button" class="quiet" onClick={() => void read()}>
          Show rows
        </button>
      </p>
      {text.value && (
        <pre tabIndex={0} aria-label="Rejected rows">
          {text.value}
        </pre>
      )}
    </div>
  );
}
