export default {
  mode: 'production',
  entry: './src/main.js',
  output: { trustedTypes: 'webpack' },
  // Minifying would take four times as long as all the rest.
  optimization: { minimize: false },
  performance: false,
}
