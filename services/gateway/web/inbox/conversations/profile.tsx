// The contact's profile beside the thread.
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Contact } from '../../shared/api';
import type { Page } from '../../shared/page';
import { When } from '../../shared/text';
import { PersonFacts, SOURCES } from '../contacts/facts';
import { Merge } from '../contacts/merge';
import { asProblem } from '../../shared/http';
import { attempt, call } from '../login';

export function Profile({ id }: { id: string }) {
  const contact = useSignal<Contact | null | undefined>(undefined);
  const duplicates = useSignal<Contact[]>([]);
  const load = () =>
    attempt(async () => {
      try {
        contact.value = await call<Contact>('GET', `/contacts/${id}`);
      } catch (thrown) {
        if (asProblem(thrown).status !== 404) throw thrown;
        contact.value = null;
        return;
      }
      const { email } = contact.value;
      if (!email) return;
      const body = {
        filter: [{ field: 'email', operator: '=', value: email }],
        includeVisitors: true,
        limit: 10,
      };
      const found = await call<Page<Contact>>('POST', '/contacts/search', body);
      duplicates.value = found.items.filter((other) => other.id !== id);
    });
  useEffect(() => void load(), []);
  if (contact.value === undefined)
    return <aside id="profile" aria-label="Contact details" aria-busy="true" />;
  if (!contact.value) {
    return (
      <aside id="profile" aria-label="Contact details">
        <p class="soft">Contact not found. It may have been erased.</p>
      </aside>
    );
  }
  return (
    <aside id="profile" aria-label="Contact details">
      <PersonFacts contact={contact.value} onChange={(changed) => (contact.value = changed)} />
      {duplicates.value.length > 0 && (
        <section>
          <h3>The same email</h3>
          <ul class="others">
            {duplicates.value.map((other) => (
              <li key={other.id}>
                <a href={`#contacts/${other.id}`}>
                  <bdi>{other.name}</bdi>
                </a>{' '}
                <span class="soft small">{SOURCES[other.source]}</span>
                {other.lastSeenAt && (
                  <span class="soft small">
                    {' '}
                    · <When at={other.lastSeenAt} />
                  </span>
                )}
                <Merge from={other} into={contact.value!} onDone={load} />
              </li>
            ))}
          </ul>
        </section>
      )}
    </aside>
  );
}
