// Contacts: search, filters, sorting, export, and one contact in detail.
import { computed, signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Contact, Import } from '../../shared/api';
import type { Page } from '../../shared/page';
import { Problem, problemOf } from '../../shared/http';
import { When } from '../../shared/text';
import { on } from '../live';
import { attempt, call, success } from '../login';
import { go, route } from '../route';
import { Field, Form } from '../forms';
import { Avatar, Dialog } from '../ui';
import { PersonFacts, SOURCES } from './facts';

interface Condition {
  field: string;
  operator: string;
  value: string;
}

const FIELDS = [
  'email',
  'name',
  'phone',
  'company',
  'userId',
  'source',
  'tags',
  'lastSeenAt',
  'createdAt',
];
const OPERATORS = ['=', '!=', '~', '<', '>'];

const searchText = signal('');
const sort = signal('-createdAt');
const visitors = signal(false);
const conditions = signal<Condition[]>([]);
const cursors = signal<(string | null)[]>([null]);
const page = signal<Page<Contact>>({ items: [], nextCursor: null });
const loaded = signal(false);

/** The value of an attribute's filter as a boolean or a number if it looks like one, else as text. */
function typedValue({ field, value }: Condition) {
  if (!field.startsWith('custom.')) return value;
  if (value === 'true' || value === 'false') return value === 'true';
  return value.trim() !== '' && Number.isFinite(Number(value)) ? Number(value) : value;
}

const query = computed(() => ({
  ...(searchText.value.trim() && { q: searchText.value.trim() }),
  filter: conditions.value
    .filter(({ field, value }) => field && value !== '')
    .map((one) => ({ field: one.field, operator: one.operator, value: typedValue(one) })),
  includeVisitors: visitors.value,
  sort: sort.value,
}));

let request = 0;
const load = () => {
  const current = ++request;
  return attempt(async () => {
    const cursor = cursors.value.at(-1);
    const found = await call<Page<Contact>>('POST', '/contacts/search', {
      ...query.value,
      limit: 50,
      ...(cursor && { cursor }),
    });
    if (current !== request) return;
    page.value = found;
    loaded.value = true;
  });
};

export function Contacts() {
  useEffect(() => {
    const timer = setTimeout(() => {
      cursors.value = [null];
      void load();
    }, 200);
    return () => clearTimeout(timer);
  }, [query.value]);
  useEffect(() => on('import', ({ state }: Import) => void (state === 'done' && load())), []);
  const open = route.value[1];
  const adding = useSignal(false);
  return (
    <div id="contacts">
      <div class="line head">
        <h1>Contacts</h1>
        <button type="button" onClick={() => (adding.value = true)}>
          Add contact
        </button>
        <button type="button" onClick={() => void attempt(exportContacts)}>
          Export CSV
        </button>
      </div>
      <Search />
      <div class="table" tabIndex={0} role="group" aria-label="Contacts">
        <table>
          <thead>
            <tr>
              {['Name', 'Email', 'Phone', 'Company', 'User ID', 'Source', 'Last seen'].map(
                (name) => (
                  <th key={name} scope="col">
                    {name}
                  </th>
                ),
              )}
            </tr>
          </thead>
          <tbody id="people">
            {page.value.items.map((contact) => (
              <Row key={contact.id} contact={contact} />
            ))}
          </tbody>
        </table>
      </div>
      {loaded.value && !page.value.items.length && <NoContacts />}
      <div class="line">
        <button
          type="button"
          disabled={cursors.value.length < 2}
          onClick={() => {
            cursors.value = cursors.value.slice(0, -1);
            void load();
          }}
        >
          Previous
        </button>
        <span class="soft">Page {cursors.value.length}</span>
        <button
          type="button"
          disabled={!page.value.nextCursor}
          onClick={() => {
            cursors.value = [...cursors.value, page.value.nextCursor];
            void load();
          }}
        >
          Next
        </button>
      </div>
      {open && <Detail key={open} id={open} />}
      {adding.value && <Add onClose={() => (adding.value = false)} />}
    </div>
  );
}

function NoContacts() {
  if (query.value.q || query.value.filter.length)
    return <p class="soft empty">No contacts match your search.</p>;
  return (
    <p class="soft empty">
      No contacts yet. They appear here when a logged-in user opens the chat, or a visitor sends a
      message. You can also <a href="#imports">import a CSV file</a>.
    </p>
  );
}

function Search() {
  const set = (index: number, part: Partial<Condition>) =>
    (conditions.value = conditions.value.map((one, at) =>
      at === index ? { ...one, ...part } : one,
    ));
  return (
    <div class="search">
      <input
        type="search"
        aria-label="Search"
        placeholder="Search by name, email or phone"
        value={searchText.value}
        onInput={({ currentTarget }) => (searchText.value = currentTarget.value)}
      />
      <select
        aria-label="Sort"
        value={sort.value}
        onChange={({ currentTarget }) => (sort.value = currentTarget.value)}
      >
        <option value="-createdAt">Recently added</option>
        <option value="createdAt">First added</option>
        <option value="name">Name, A to Z</option>
        <option value="-name">Name, Z to A</option>
        <option value="-lastSeenAt">Last seen: newest</option>
        <option value="lastSeenAt">Last seen: oldest</option>
      </select>
      <label class="check">
        <input
          type="checkbox"
          checked={visitors.value}
          onChange={({ currentTarget }) => (visitors.value = currentTarget.checked)}
        />{' '}
        Include anonymous visitors
      </label>
      <button
        type="button"
        onClick={() =>
          (conditions.value = [...conditions.value, { field: 'email', operator: '=', value: '' }])
        }
      >
        Add filter
      </button>
      {conditions.value.map((one, index) => (
        <div class="condition" key={index}>
          <input
            list="fields"
            aria-label="Field"
            value={one.field}
            onInput={({ currentTarget }) => set(index, { field: currentTarget.value })}
          />
          <select
            aria-label="Operator"
            value={one.operator}
            onChange={({ currentTarget }) => set(index, { operator: currentTarget.value })}
          >
            {OPERATORS.map((operator) => (
              <option key={operator}>{operator}</option>
            ))}
          </select>
          <input
            aria-label="Value"
            value={one.value}
            onInput={({ currentTarget }) => set(index, { value: currentTarget.value })}
          />
          <button
            type="button"
            aria-label="Remove filter"
            onClick={() => (conditions.value = conditions.value.filter((_, at) => at !== index))}
          >
            ✕
          </button>
        </div>
      ))}
      <datalist id="fields">
        {[
          ...FIELDS,
          ...new Set(
            page.value.items.flatMap(({ customData }) =>
              Object.keys(customData).map((key) => `custom.${key}`),
            ),
          ),
        ].map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </div>
  );
}

function Row({ contact }: { contact: Contact }) {
  const { id, name, email, phone, company, userId, source, lastSeenAt } = contact;
  return (
    <tr>
      <th scope="row">
        <a class="person" href={`#contacts/${id}`}>
          <Avatar id={id} name={name} />
          <bdi>{name}</bdi>
        </a>
      </th>
      {[email, phone, company, userId, SOURCES[source]].map((text, index) => (
        <td key={index} title={text ?? ''} dir="auto">
          {text}
        </td>
      ))}
      <td>{lastSeenAt && <When at={lastSeenAt} />}</td>
    </tr>
  );
}

function Detail({ id }: { id: string }) {
  const contact = useSignal<Contact | null>(null);
  useEffect(() => {
    void attempt(async () => {
      try {
        contact.value = await call<Contact>('GET', `/contacts/${id}`);
      } catch (problem) {
        go('contacts');
        throw problem;
      }
    });
  }, []);
  if (!contact.value) return null;
  const change = (changed: Contact) => {
    contact.value = changed;
    void load();
  };
  return (
    <Dialog title="Contact" onClose={() => go('contacts')}>
      <div class="detail">
        <p>
          <a href={`#conversations/${id}`}>Open conversation</a>
        </p>
        <PersonFacts contact={contact.value} onChange={change} />
      </div>
    </Dialog>
  );
}

function Add({ onClose }: { onClose: () => void }) {
  const send = async (data: FormData) => {
    const filled = [...data].filter(([, value]) => value !== '');
    const contact = await call<Contact>('POST', '/contacts', Object.fromEntries(filled));
    onClose();
    void load();
    go('contacts', contact.id);
  };
  return (
    <Dialog title="Add contact" onClose={onClose}>
      <Form onSend={send} label="Add contact">
        <Field label="Name">
          <input name="name" />
        </Field>
        <Field label="Email">
          <input name="email" type="email" />
        </Field>
        <Field label="Phone">
          <input name="phone" />
        </Field>
        <Field label="Company">
          <input name="company" />
        </Field>
        <Field
          label="User ID"
          hint="The ID of this user on your site. If a contact with this ID exists, it is updated."
        >
          <input name="userId" />
        </Field>
      </Form>
    </Dialog>
  );
}

// The browser may store a large response on disk until the file is complete.
async function exportContacts() {
  const { sort: _, ...search } = query.value;
  const answer = await fetch('/v1/contacts/export.csv', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(search),
    credentials: 'same-origin',
  }).catch(() => {
    throw new Problem(0);
  });
  if (!answer.ok) throw await problemOf(answer);
  const address = URL.createObjectURL(await answer.blob());
  Object.assign(document.createElement('a'), { href: address, download: 'contacts.csv' }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
  success.value = 'Export downloaded.';
}
