// Merges two contacts, after a preview of the result. The server decides which of them survives.
import { useSignal } from '@preact/signals';
import type { Contact } from '../../shared/api';
import { attempt, call, success } from '../login';
import { Dialog } from '../ui';

const FIELDS = [
  ['name', 'Name'],
  ['email', 'Email'],
  ['phone', 'Phone'],
  ['company', 'Company'],
  ['userId', 'User ID'],
] as const;

export function Merge({
  from,
  into,
  onDone,
}: {
  from: Contact;
  into: Contact;
  onDone: () => void;
}) {
  const outcome = useSignal<Partial<Contact> | null>(null);
  // Contacts with different user ids can't be merged.
  if (from.userId && into.userId) return null;
  const merge = (dryRun: boolean) =>
    call<Contact>('POST', `/contacts/${from.id}/merge`, { intoId: into.id, dryRun });
  const preview = () => attempt(async () => void (outcome.value = await merge(true)));
  const confirm = () =>
    attempt(async () => {
      await merge(false);
      outcome.value = null;
      success.value = 'Contacts merged.';
      onDone();
    });
  const person: Partial<Contact> = outcome.value ?? {};
  const [survivor, other] = person.id === from.id ? [from, into] : [into, from];
  return (
    <>
      <button type="button" class="quiet" onClick={() => void preview()}>
        Merge contacts…
      </button>
      {outcome.value && (
        <Dialog title="Merge contacts" onClose={() => (outcome.value = null)}>
          <p>
            <bdi>{other.name}</bdi> becomes part of <bdi>{survivor.name}</bdi>, with all messages.
            This can't be undone. An email address alone doesn't prove that both are the same
            person. The contact will be:
          </p>
          <dl>
            {FIELDS.map(([field, label]) => [
              <dt key={field}>{label}</dt>,
              <dd key={`${field} value`}>{person[field] ?? '–'}</dd>,
            ])}
          </dl>
          <div class="line ends">
            <button type="button" onClick={() => (outcome.value = null)}>
              Cancel
            </button>
            <button type="button" class="main" onClick={() => void confirm()}>
              Merge
            </button>
          </div>
        </Dialog>
      )}
    </>
  );
}
