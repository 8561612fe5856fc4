// The window's start: validation without evaluation first, then texts, then the page.
import './app/validation.ts';
import './styles/tokens.css';
import './styles/base.css';
import { createRoot } from 'react-dom/client';
import { App } from './app/app.tsx';
import { startTexts } from './i18n/i18n.ts';
import { start } from './state/actions.ts';
import { listenToStream } from './state/stream.ts';

const root = document.getElementById('root');
if (root === null) throw new Error('index.html holds no root');

const { language } = await start();
await startTexts(language);
listenToStream();
createRoot(root).render(<App />);
