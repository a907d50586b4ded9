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
  if (!first) return <p class="soft">Choose a conversation.</p>;
  if (!application.value || !organization.value) return null;
  const { appId, snippet } = application.value;
  return (
    <div class="card" id="first-steps">
      <h1>The first message in a minute</h1>
      <ol class="steps">
        <li>
          <h2>See it work</h2>
          <p>
            <a
              href={`/demo#${encodeURIComponent(organization.value)}/${appId}`}
              target="_blank"
              rel="noopener"
            >
              Open a page with your chat in it
            </a>{' '}
            and write something, as a customer would.
          </p>
        </li>
        <li>
          <h2>Answer</h2>
          <p>It appears here at once. Click it, write, press Enter: the page has the answer.</p>
        </li>
        <li>
          <h2>Put it into your site</h2>
          <p>Paste this before the end of the body of your pages.</p>
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
