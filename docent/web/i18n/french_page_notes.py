"""How a page was read, and why a document holds nothing to search, in French."""

from __future__ import annotations

PAGE_NOTES: dict[str, str] = {
    "Nothing to search: no text was found. {more}": "Rien à chercher : aucun texte n'a été trouvé. {more}",
    "Read it again to hear why.": "Relisez-le pour savoir pourquoi.",
    "It has no pages.": "Il n'a pas de pages.",
    "Its pages are empty.": "Ses pages sont vides.",
    "All of its text is hidden from a reader.": "Tout son texte est caché au lecteur.",
    "What it says are headers, footers and page numbers only.": (
        "Il ne contient que des en-têtes, des pieds de page et des numéros de page."
    ),
    "The page is blank.": "La page est vide.",
    "There is nothing on this page.": "Il n'y a rien sur cette page.",
    "The page holds only form fields, which are not read. Once filled in, print it to a PDF.": (
        "La page ne contient que des champs de formulaire, qui ne se lisent pas. Une fois remplie, "
        "imprimez-la en PDF."
    ),
    "The page holds only annotations, which are not read.": (
        "La page ne contient que des annotations, qui ne se lisent pas."
    ),
    "The file draws letters here and does not say which they are.": (
        "Le fichier dessine ici des lettres sans dire lesquelles."
    ),
    "The file draws letters here and does not say which they are. {more}": (
        "Le fichier dessine ici des lettres sans dire lesquelles. {more}"
    ),
    "The page is a scan. {more}": "La page est numérisée. {more}",
    "The page is a drawing. {more}": "La page est un dessin. {more}",
    "Reading scans is switched off (DOCENT_OCR=off).": (
        "La reconnaissance de caractères est désactivée (DOCENT_OCR=off)."
    ),
    "No program that reads scans is installed. Run: sudo apt-get install tesseract-ocr (macOS: brew install "
    "tesseract), then read the file again: on the documents page, or with python ingest.py --rebuild=full": (
        "Aucun programme de reconnaissance n'est installé. Lancez : sudo apt-get install tesseract-ocr "
        "(macOS : brew install tesseract), puis relisez le fichier : sur la page des documents, ou par "
        "python ingest.py --rebuild=full"
    ),
    "A picture without text.": "Une image sans texte.",
    "There is no text in it.": "Il n'y a pas de texte.",
    "There is nothing in it.": "Il n'y a rien dedans.",
    "There is nothing in its sheets.": "Il n'y a rien dans ses feuilles.",
    "There is no slide in it.": "Il n'y a pas de diapositive.",
    "There is no text on this slide.": "Il n'y a pas de texte sur cette diapositive.",
    "There is no row with anything in it.": "Aucune ligne ne contient quoi que ce soit.",
    "There is no text in its chapters.": "Il n'y a pas de texte dans ses chapitres.",
    "Everything here is hidden.": "Tout est caché ici.",
    "Read by OCR from a picture of the page.": "Lue par reconnaissance de caractères.",
    "Only the first {most} characters of this page were kept.": (
        "Seuls les {most} premiers caractères de cette page ont été gardés."
    ),
    "Reading this page was stopped after {seconds} s.": (
        "La lecture de cette page a été arrêtée après {seconds} s."
    ),
}
"""As they are said there. The gap `more` is a sentence itself."""
