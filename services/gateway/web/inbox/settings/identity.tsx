// Identity verification: the policy, failed verifications, the signing keys, and code for the customer's server.
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Application, Organization, Policy } from '../../shared/api';
import { attempt, call, success } from '../login';
import { Form } from '../forms';
import { Copy, Danger, number, Secret } from '../ui';
import { useList } from './load';
import { SERVER_CODE } from './server-code';

const POLICIES: [Policy, string, string][] = [
  [
    'optional',
    'Optional',
    'A user ID is enough. Once a security_hash was sent for it, the same one is required.',
  ],
  [
    'security_hash',
    'Security hash',
    'Required with each user ID. The first hash that is sent for a user ID is the valid one.',
  ],
  [
    'hmac',
    'User hash',
    'Recommended. Your server signs the user ID with a secret key (user_hash).',
  ],
  ['jwt', 'JWT', 'Most secure. Your server signs the user ID and the profile (user_jwt).'],
];

export function Identity() {
  const organization = useSignal<Organization | null>(null);
  const load = () =>
    attempt(
      async () => void (organization.value = await call<Organization>('GET', '/organization')),
    );
  useEffect(() => void load(), []);
  const save = async (data: FormData) => {
    const body = { policy: data.get('policy'), reportOnly: data.get('reportOnly') === 'on' };
    organization.value = await call<Organization>('PATCH', '/organization', body);
    success.value = 'Saved.';
  };
  return (
    <>
      <h1>Identity verification</h1>
      {organization.value && (
        <div class="card">
          <Form onSend={save} label="Save">
            <fieldset>
              <legend>How users are verified</legend>
              {POLICIES.map(([policy, name, what]) => (
                <label class="check" key={policy}>
                  <input
                    type="radio"
                    name="policy"
                    value={policy}
                    defaultChecked={organization.value!.policy === policy}
                  />
                  <span>
                    <strong>{name}.</strong> {what}
                  </span>
                </label>
              ))}
            </fieldset>
            <label class="check">
              <input
                type="checkbox"
                name="reportOnly"
                defaultChecked={organization.value.reportOnly}
              />
              <span>
                Report only: count failed verifications, but reject no one. Turn this off when the
                count stays at zero.
              </span>
            </label>
          </Form>
          <FailedVerifications {...organization.value} />
        </div>
      )}
      <Keys />
      <Code />
    </>
  );
}

/** Failed verifications by the hour, or those that would have failed under a report-only policy. */
function FailedVerifications({ policy, reportOnly }: Organization) {
  const { items, loaded } = useList<Application>('/applications');
  if (!loaded.value) return null;
  const name = POLICIES.find(([one]) => one === policy)![1];
  const hours = items.value
    .flatMap(({ name, refused = [] }) => refused.map((one) => ({ name, ...one })))
    .sort((a, b) => b.hour.localeCompare(a.hour));
  const count = hours.reduce((sum, one) => sum + one.count, 0);
  if (!count)
    return (
      <p class="soft">
        {reportOnly ? `${name}: no failed verifications yet.` : 'No failed verifications yet.'}
      </p>
    );
  const maxCount = Math.max(...hours.map(({ count }) => count));
  return (
    <table id="refused">
      <caption>
        {reportOnly
          ? `${name}: ${number(count)} verifications would have failed.`
          : `${number(count)} failed verifications.`}{' '}
        By the hour:
      </caption>
      <tbody>
        {hours.slice(0, 48).map(({ name, hour, count }, index) => (
          <tr key={index}>
            <th scope="row">
              {new Date(hour).toLocaleString([], { dateStyle: 'short', timeStyle: 'short' })}
            </th>
            <td>{name}</td>
            <td>
              <meter min={0} max={maxCount} value={count} aria-label="Failed verifications" />{' '}
              {number(count)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Keys() {
  const { items, load } = useList<{ keyId: string; createdAt?: string }>('/identity-keys');
  const created = useSignal<{ keyId: string; key: string } | null>(null);
  const create = async () => {
    created.value = await call('POST', '/identity-keys', {});
    await load();
  };
  return (
    <div class="card">
      <h2>Identity keys</h2>
      <p class="soft">You can have two at a time, to replace one without downtime.</p>
      {created.value && <Secret what={`Key ${created.value.keyId}.`} text={created.value.key} />}
      <ul class="others">
        {items.value.map(({ keyId }) => (
          <li key={keyId} class="line">
            <code>{keyId}</code>
            <Danger
              ask="Revoke this key? Signatures made with it will stop working."
              run={async () => (
                await call('DELETE', `/identity-keys/${encodeURIComponent(keyId)}`),
                load()
              )}
            >
              Revoke
            </Danger>
          </li>
        ))}
      </ul>
      <div>
        <button
          type="button"
          disabled={items.value.length >= 2}
          onClick={() => void attempt(create)}
        >
          Create key
        </button>
      </div>
    </div>
  );
}

function Code() {
  const language = useSignal(0);
  const [, hash, jwt] = SERVER_CODE[language.value]!;
  return (
    <div class="card">
      <div class="line head">
        <h2>Code for your server</h2>
        <select
          aria-label="Language"
          value={language.value}
          onChange={({ currentTarget }) => (language.value = Number(currentTarget.value))}
        >
          {SERVER_CODE.map(([name], index) => (
            <option key={name} value={index}>
              {name}
            </option>
          ))}
        </select>
      </div>
      <h3>user_hash</h3>
      <pre id="user-hash" tabIndex={0}>
        <code>{hash}</code>
      </pre>
      <div>
        <Copy text={hash} />
      </div>
      <h3>user_jwt</h3>
      <pre tabIndex={0}>
        <code>{jwt}</code>
      </pre>
      <div>
        <Copy text={jwt} />
      </div>
    </div>
  );
}
