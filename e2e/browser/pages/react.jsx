// An app in React, with hooks and components of @clerk/react.
import { useState } from 'react';
import { createRoot } from 'react-dom/client';
import { ClerkProvider, Show, SignIn, SignUp, UserButton, useAuth, useSessionList, useSignIn, useSignUp, useUser } from '@clerk/react';

function Person() {
  const { user } = useUser();
  const { sessionId, getToken, signOut } = useAuth();
  const { sessions } = useSessionList();
  const [token, setToken] = useState('');
  return (
    <section>
      <UserButton />
      <p id="email">{user?.primaryEmailAddress?.emailAddress}</p>
      <p id="name">{user?.fullName}</p>
      <p id="session">{sessionId}</p>
      <p id="sessions">{sessions?.length}</p>
      <p id="token">{token}</p>
      <button onClick={async () => setToken(await getToken())}>Get token</button>
      <button onClick={() => user.update({ firstName: 'Anna', lastName: 'Doe' })}>Rename</button>
      <button onClick={() => signOut(() => {})}>Sign out</button>
    </section>
  );
}

const check = ({ error }) => { if (error) throw error; };

function Ways() {
  const { signUp } = useSignUp();
  const { signIn } = useSignIn();
  const [said, say] = useState('');
  const [code, setCode] = useState('');
  const [emailAddress, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const doing = (work) => () => work().then(() => say('done'), (e) => say(e.errors?.[0]?.code ?? e.code ?? String(e)));
  return (
    <section>
      <input id="email-input" value={emailAddress} onChange={(e) => setEmail(e.target.value)} />
      <input id="password-input" value={password} onChange={(e) => setPassword(e.target.value)} />
      <input id="code-input" value={code} onChange={(e) => setCode(e.target.value)} />
      <button onClick={doing(async () => {
        check(await signUp.password({ emailAddress, password }));
        check(await signUp.verifications.sendEmailCode());
      })}>Sign up</button>
      <button onClick={doing(async () => {
        check(await signUp.verifications.verifyEmailCode({ code }));
        check(await signUp.finalize());
      })}>Verify</button>
      <button onClick={doing(async () => {
        check(await signIn.password({ identifier: emailAddress, password }));
        check(await signIn.finalize());
      })}>Sign in</button>
      <p id="said">{said}</p>
    </section>
  );
}

function Page() {
  const { isLoaded } = useAuth();
  if (!isLoaded) return <p>Loading</p>;
  if (location.pathname === '/react/sign-in') return <SignIn routing="hash" fallbackRedirectUrl="/react" />;
  if (location.pathname === '/react/sign-up') return <SignUp routing="hash" fallbackRedirectUrl="/react" />;
  return (
    <>
      <Show when="signed-out"><Ways /></Show>
      <Show when="signed-in"><Person /></Show>
    </>
  );
}

const root = document.getElementById('root');
createRoot(root).render(
  <ClerkProvider publishableKey={root.dataset.key} proxyUrl={root.dataset.proxyUrl} telemetry={false}>
    <Page />
  </ClerkProvider>,
);
