// Settings: those of the organization for owners, the password for all agents.
import { me } from '../login';
import { route } from '../route';
import { Agents } from './agents';
import { ApiKeys } from './api-keys';
import { Applications } from './applications';
import { Audit } from './audit';
import { BlockedAddresses } from './blocked';
import { Identity } from './identity';
import { Password } from './password';
import { Webhooks } from './webhooks';

const PARTS = {
  applications: Applications,
  identity: Identity,
  agents: Agents,
  keys: ApiKeys,
  webhooks: Webhooks,
  blocked: BlockedAddresses,
  audit: Audit,
  password: Password,
};
type Part = keyof typeof PARTS;
const NAMES: [Part, string][] = [
  ['applications', 'Applications'],
  ['identity', 'Identity verification'],
  ['agents', 'Team'],
  ['keys', 'API keys'],
  ['webhooks', 'Webhooks'],
  ['blocked', 'Blocked addresses'],
  ['audit', 'Audit log'],
  ['password', 'Password'],
];

export function Settings() {
  const names = NAMES.filter(([name]) => name === 'password' || me.value?.role === 'owner');
  const part = names.find(([name]) => name === route.value[1])?.[0] ?? names[0]![0];
  const Shown = PARTS[part];
  return (
    <div id="settings">
      <nav aria-label="Settings">
        {names.map(([name, label]) => (
          <a
            key={name}
            href={`#settings/${name}`}
            aria-current={name === part ? 'page' : undefined}
          >
            {label}
          </a>
        ))}
      </nav>
      <section>
        <Shown />
      </section>
    </div>
  );
}
