/** The bundled build of simple-peer: its source entry needs Node's built-in modules. */
declare module 'simple-peer/simplepeer.min.js' {
  import SimplePeer from 'simple-peer'
  export default SimplePeer
}
