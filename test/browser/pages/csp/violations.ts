/** Imported first: says what the page's policy blocked, from the start on. */

document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
  console.info(`violation: ${violatedDirective} ${blockedURI}`)
})
