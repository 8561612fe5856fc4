// The window's start: validation without evaluation first, then texts, then the page.
import './app/validation.ts';
import './styles/tokens.css';
import './styles/base.css';
import { createRoot } from 'react-dom/client';
import { toProblemData } from '../src-shared/problem.ts';
import { App } from './app/app.tsx';
import { NotStarted } from './app/not-started.tsx';
import { startTexts } from './i18n/i18n.ts';
import { start } from './state/actions.ts';
import { listenToStream } from './state/stream.ts';

const root = document.getElementById('root');
if (root === null) throw new Error('index.html holds no root');

try {
  const { language } = await start();
  await startTexts(language);
  listenToStream();
  createRoot(root).render(<App />);
} catch (thrown) {
  // What was set is not known then: the language of the system.
  const language = navigator.language.startsWith('fr') ? 'fr' : 'en';
  document.documentElement.lang = language;
  await startTexts(language);
  createRoot(root).render(<NotStarted problem={toProblemData(thrown)} />);
}
