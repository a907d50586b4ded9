// The first steps of a new owner: try the chat, reply, install the snippet, identify users.
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Application, Organization } from '../../shared/api';
import type { Page } from '../../shared/page';
import { attempt, call, me } from '../login';
import { Copy } from '../ui';
import { conversations, filter } from './store';

export function FirstSteps() {
  const application = useSignal<Application | undefined>(undefined);
  const organization = useSignal('');
  const first =
    me.value?.role === 'owner' &&
    !conversations.value.length &&
    filter.value.status !== 'closed' &&
    !filter.value.assignee;
  useEffect(() => {
    if (!first) return;
    void attempt(async () => {
      application.value = (await call<Page<Application>>('GET', '/applications?limit=1')).items[0];
      organization.value = (await call<Organization>('GET', '/organization')).name;
    });
  }, [first]);
  if (!first) return <p class="soft">Select a conversation.</p>;
  if (!application.value || !organization.value) return null;
  const { appId, snippet } = application.value;
  return (
    <div class="card" id="first-steps">
      <h1>Get started: your first message in a minute</h1>
      <ol class="steps">
        <li>
          <h2>Try the chat</h2>
          <p>
            <a
              href={`/demo#${encodeURIComponent(organization.value)}/${appId}`}
              target="_blank"
              rel="noopener"
            >
              Open the demo page
            </a>{' '}
            and send a message as a customer.
          </p>
        </li>
        <li>
          <h2>Reply</h2>
          <p>The message appears here at once. Open it, type a reply, press Enter.</p>
        </li>
        <li>
          <h2>Install the widget</h2>
          <p>
            Paste this before <code>&lt;/body&gt;</code> in each page.
          </p>
          <pre tabIndex={0}>
            <code>{snippet}</code>
          </pre>
          <Copy text={snippet} label="Copy snippet" />
        </li>
        <li>
          <h2>Identify your users</h2>
          <p>
            Pass a <code>user_id</code> for logged-in users, and have your server prove it, so that
            no one can impersonate them: <a href="#settings/identity">identity verification</a>. Add
            your existing customers by an <a href="#imports">import</a>.
          </p>
        </li>
      </ol>
    </div>
  );
}
