// Puts a component of the browser libraries into a hosted page. Afterwards it leads to a path of the server, which knows
// where people may go.
(() => {
  const { page, after } = document.currentScript.dataset
  const at = document.getElementById('component')
  const urls = { signInUrl: '/sign-in', signUpUrl: '/sign-up' }
  const mount = {
    'sign-in': (clerk) => clerk.mountSignIn(at, { routing: 'hash', ...urls, forceRedirectUrl: after, signUpForceRedirectUrl: after }),
    'sign-up': (clerk) => clerk.mountSignUp(at, { routing: 'hash', ...urls, forceRedirectUrl: after, signInForceRedirectUrl: after }),
    user: (clerk) => clerk.mountUserProfile(at, { routing: 'hash' }),
  }
  addEventListener('DOMContentLoaded', async () => {
    const clerk = window.Clerk
    await clerk.load({
      ...urls,
      ui: { ClerkUI: window.__internal_ClerkUICtor },
      afterSignOutUrl: '/sign-in',
      allowedRedirectOrigins: [location.origin],
      telemetry: false,
    })
    mount[page](clerk)
  })
})()
