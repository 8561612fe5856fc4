// Copies a text and says so, in place.
import { Check, Copy } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from './button.tsx';

interface Props {
  readonly text: string;
  readonly label: string;
  /** Icon alone, the label for screen readers. */
  readonly compact?: boolean;
}

export const CopyButton = ({ text, label, compact = false }: Props) => {
  const { t } = useTranslation();
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 2000);
    return () => clearTimeout(timer);
  }, [copied]);
  const Icon = copied ? Check : Copy;
  const words = copied ? t('ui.copied') : label;
  const press = () => void navigator.clipboard.writeText(text).then(() => setCopied(true));
  return compact ? (
    <Button kind="quiet" onPress={press} aria-label={words} icon={<Icon aria-hidden />} />
  ) : (
    <Button kind="quiet" onPress={press} icon={<Icon aria-hidden />}>
      {words}
    </Button>
  );
};
