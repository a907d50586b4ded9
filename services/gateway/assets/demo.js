// The demo page: a customer's page with the documented snippet, and a choice of who is looking at it.
// Whoever was chosen is kept for this tab alone, so that two tabs can be two people.
'use strict';

const VISITOR = { label: 'A visitor (no user_id)', user: {} };
const PEOPLE = [
  { email: 'maria.keller@example.com', name: 'Maria Keller', phone: '+49 30 5550100', company: 'Keller Fahrräder', user_id: '12345' },
  { email: 'tom.okafor@example.com', name: 'Tom Okafor', phone: '+44 20 5550111', company: 'Okafor & Sons', user_id: '23456' },
  { email: 'li.wen@example.com', name: 'Li Wen', phone: '+65 5550122', company: 'Harbour Books', user_id: '34567' },
];
const CHOICES = [VISITOR, ...PEOPLE.map((user) => ({ label: `${user.name}, user_id ${user.user_id}`, user }))];
const KEPT = 'onethread-demo';

const part = (id) => document.getElementById(id);
const chosen = () => Number(new FormData(part('who')).get('person') ?? 0);

function userOf({ person, hash }) {
  const { user } = CHOICES[person] ?? VISITOR;
  return user.user_id && hash ? { ...user, security_hash: hash } : user;
}

function kept() {
  try {
    return { person: 0, hash: '', ...JSON.parse(sessionStorage.getItem(KEPT)) };
  } catch {
    return { person: 0, hash: '' };
  }
}

function keep(choice) {
  sessionStorage.setItem(KEPT, JSON.stringify(choice));
}

function drawChoices({ person, hash }) {
  CHOICES.forEach(({ label }, index) => {
    const input = Object.assign(document.createElement('input'), { type: 'radio', name: 'person', value: index, checked: index === person });
    const line = document.createElement('label');
    line.append(input, label);
    part('people').append(line);
  });
  part('hash').value = hash;
}

function drawSnippet(settings, user) {
  const options = JSON.stringify({ applicationId: settings.applicationId, applicationSecret: settings.applicationSecret, user }, null, 2);
  part('snippet').textContent = `<script>
window.HelpCrunch = function(){ HelpCrunch.q.push(arguments) }; HelpCrunch.q = [];
HelpCrunch('init', '${settings.organization}', ${options});
HelpCrunch('showChatWidget');
</script>
<script async src="${location.origin}/widget.js"></script>`;
}

// What the snippet does, word by word.
function runSnippet(settings, user) {
  window.HelpCrunch = function () { window.HelpCrunch.q.push(arguments); };
  window.HelpCrunch.q = [];
  const script = document.createElement('script');
  script.async = true;
  script.src = '/widget.js';
  document.head.append(script);
  const { applicationId, applicationSecret } = settings;
  window.HelpCrunch('init', settings.organization, { applicationId, applicationSecret, user });
  window.HelpCrunch('showChatWidget');
}

part('who').addEventListener('submit', (event) => {
  event.preventDefault();
  keep({ person: chosen(), hash: part('hash').value });
  location.reload();
});

part('auth').addEventListener('click', () => {
  const choice = { person: chosen(), hash: part('hash').value };
  if (choice.person === 0) {
    part('state').textContent = 'Choose a person first: a visitor has nothing to log in with.';
    return;
  }
  keep(choice);
  window.HelpCrunch('userAuth', userOf(choice));
  part('state').textContent = `userAuth was called for ${CHOICES[choice.person].user.name}.`;
});

part('logout').addEventListener('click', () => {
  keep({ person: 0, hash: '' });
  part('hash').value = '';
  part('people').querySelector('input').checked = true;
  window.HelpCrunch('logout');
  part('state').textContent = 'logout was called: this browser is a new visitor now.';
});

(async () => {
  const choice = kept();
  drawChoices(choice);
  try {
    const answer = await fetch('/demo/settings.json', { cache: 'no-store', signal: AbortSignal.timeout(15_000) });
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    const settings = await answer.json();
    const user = userOf(choice);
    drawSnippet(settings, user);
    runSnippet(settings, user);
  } catch (error) {
    part('state').textContent = `The demo has no application to show: ${error.message}.`;
  }
})();
