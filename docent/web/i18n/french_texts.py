"""What other rooms say to a reader, sentence by sentence, as they say it in English, and in French."""

from __future__ import annotations

from docent.types import State
from docent.web.i18n.documents_texts import DOCUMENTS_TEXTS
from docent.web.i18n.french_page_notes import PAGE_NOTES
from docent.web.i18n.french_personas import PERSONAS
from docent.web.i18n.french_refusals import REFUSALS

NOT_READY = {
    f"{{name}}: {state}{why}": f"{{name}} : {DOCUMENTS_TEXTS[f'state_{state}'][1]}{why}"
    for state in State
    for why in ("", " ({more})")
}
"""A document that was not wholly searched, as a receipt names it."""

SENTENCES: dict[str, str] = {
    **PERSONAS,
    **REFUSALS,
    **PAGE_NOTES,
    **NOT_READY,
    # notices below an answer
    "No language model answered; these are the best sentences found.": (
        "Aucun modèle de langue n'a répondu ; voici les meilleures phrases trouvées."
    ),
    "No language model answered; these are the best sentences found. {more}": (
        "Aucun modèle de langue n'a répondu ; voici les meilleures phrases trouvées. {more}"
    ),
    "The question is longer than the model's context; no language model answered. Ask a shorter one, "
    "or raise DOCENT_CONTEXT_TOKENS.": (
        "La question est plus longue que le contexte du modèle ; aucun modèle n'a répondu. Posez-en "
        "une plus courte, ou augmentez DOCENT_CONTEXT_TOKENS."
    ),
    "The model was still thinking when its answer reached the longest length allowed; these are the "
    "best sentences found. DOCENT_ANSWER_TOKENS raises it.": (
        "Le modèle réfléchissait encore quand sa réponse a atteint la longueur maximale ; voici les "
        "meilleures phrases trouvées. DOCENT_ANSWER_TOKENS l'augmente."
    ),
    "The model gave no answer; these are the best sentences found. Ask again, perhaps in other words.": (
        "Le modèle n'a rien répondu ; voici les meilleures phrases trouvées. Reposez la question, "
        "peut-être autrement."
    ),
    "The answer reached the longest length allowed; DOCENT_ANSWER_TOKENS raises it.": (
        "La réponse a atteint la longueur maximale ; DOCENT_ANSWER_TOKENS l'augmente."
    ),
    "The last sentence is unfinished, so no source is named for it.": (
        "La dernière phrase est inachevée ; aucune source n'est donc indiquée pour elle."
    ),
    "The answer is too long to be checked whole; no source is named for its last {n} sentences. Ask for a "
    "shorter one.": (
        "La réponse est trop longue pour être vérifiée en entier ; aucune source n'est indiquée pour ses {n} "
        "dernières phrases. Demandez-en une plus courte."
    ),
    "Still being prepared, so that they may answer later: {files}. Ask again in a while.": (
        "Encore en préparation, et pourront répondre plus tard : {files}. Reposez la question dans un moment."
    ),
    "In none of the passages: {what}. Check before you rely on it.": (
        "Dans aucun des passages : {what}. Vérifiez avant de vous y fier."
    ),
    "No passage was found to support: “{what}”": ("Aucun passage n'appuie : « {what} »"),
    "No passage was found to support: “{what}” (and {n} more)": (
        "Aucun passage n'appuie : « {what} » (et {n} autres)"
    ),
    "This answer comes from the model alone; none of your documents supports it.": (
        "Cette réponse vient du modèle seul ; aucun de vos documents ne l'appuie."
    ),
    "Of the question's {length} characters only the first {half} and the last {half_again} were searched. "
    "For more, ask in fewer words, or add the text as a document.": (
        "Des {length} caractères de la question, seuls les {half} premiers et les {half_again} derniers ont "
        "été cherchés. Pour davantage, posez-la en moins de mots, ou ajoutez le texte comme document."
    ),
    # said without a model
    "Hello! Ask me anything about your documents, and I will show you the page each answer comes from.": (
        "Bonjour ! Interrogez-moi sur vos documents ; je vous montrerai la page d'où vient chaque réponse."
    ),
    "You are welcome. Ask on whenever you like.": ("Je vous en prie. Continuez quand vous voulez."),
    "Nothing in the documents that were searched speaks of this.": (
        "Rien n'en parle dans les documents qui ont été cherchés."
    ),
    "The nearest that was found, which may not answer it:": (
        "Ce qui s'en approche le plus, sans forcément y répondre :"
    ),
    'Which question? Write "answer anyway: " and the question in one line.': (
        "Quelle question ? Écrivez « answer anyway: » et la question sur une ligne."
    ),
    'To hear what the model knows without your documents, write "answer anyway" '
    '(in a terminal: "answer anyway: " and the question).': (
        "Pour entendre ce que le modèle sait sans vos documents, appuyez sur le bouton ci-dessous."
    ),
    "**Not from your documents.** {said}": ("**Pas tiré de vos documents.** {said}"),
    "**Not from your documents.** No answer came.": (
        "**Pas tiré de vos documents.** Aucune réponse n'est venue. Reposez la question."
    ),
    "I answer questions about your documents and show the page each answer comes from, but there are "
    "no documents yet. Put files into data/ and run: python ingest.py": (
        "Je réponds aux questions sur vos documents et montre la page d'où vient chaque réponse, mais "
        "il n'y a pas encore de documents. Mettez des fichiers dans data/ et lancez : python ingest.py"
    ),
    "I answer questions about your {documents} ({pages}), and show the page each answer comes from:": (
        "Je réponds aux questions sur vos {documents} ({pages}) et montre la page d'où vient chaque réponse :"
    ),
    "You can also ask me to summarise a document, to compare two, or to list every document that "
    "mentions something.": (
        "Vous pouvez aussi me demander de résumer un document, d'en comparer deux, ou de citer tous "
        "ceux qui mentionnent quelque chose."
    ),
    "Which document do you mean? Name it as it is listed here, for example: summarise {example}": (
        "De quel document parlez-vous ? Nommez-le comme dans cette liste, par exemple : résume {example}"
    ),
    # the receipt
    "only the best {most} are sent": ("seuls les {most} meilleurs sont envoyés"),
    "no room in the model's context": ("plus de place dans le contexte du modèle"),
    "the server said that the prompt was too long": ("le serveur a dit que la demande était trop longue"),
    # progress
    "Looking through the documents": ("Parcours des documents"),
    "Reading the notes again": ("Relecture des notes"),
    "Reading {what}": ("Lecture de {what}"),
    "Searched: {what}": ("Cherché : {what}"),
    "Opened: {name}, p. {page}": ("Ouvert : {name}, p. {page}"),
    "Listed {n} documents": ("{n} documents énumérés"),
    "Calculated: {what}": ("Calculé : {what}"),
    "Looked at the tables of {name}": ("Tableaux de {name} parcourus"),
    "Queried {name}: {sql}": ("Interrogé {name} : {sql}"),
    # the model server
    "The model server at {url} does not have the model {model}. Run: {command}": (
        "Le serveur de modèles à {url} n'a pas le modèle {model}. Lancez : {command}"
    ),
    "The model server at {url} does not have the model {model}. Load it there, or name another in "
    "DOCENT_MODEL.": (
        "Le serveur de modèles à {url} n'a pas le modèle {model}. Chargez-le, ou nommez-en un autre "
        "dans DOCENT_MODEL."
    ),
    "No model server answers at {url}. Start it with: {command} (or set DOCENT_MODEL_URL to where it is)": (
        "Aucun serveur de modèles ne répond à {url}. Démarrez-le par : {command} (ou indiquez où il "
        "est dans DOCENT_MODEL_URL)"
    ),
    "No model server answers at {url}. Start it, or correct DOCENT_MODEL_URL.": (
        "Aucun serveur de modèles ne répond à {url}. Démarrez-le, ou corrigez DOCENT_MODEL_URL."
    ),
    "The model server could not answer: {why}. Ask again in a moment.": (
        "Le serveur de modèles n'a pas pu répondre : {why}. Reposez la question dans un moment."
    ),
    "The model server at {url} refused the key. Set DOCENT_MODEL_KEY or DOCENT_MODEL_KEY_FILE.": (
        "Le serveur de modèles à {url} a refusé la clé. Réglez DOCENT_MODEL_KEY ou DOCENT_MODEL_KEY_FILE."
    ),
    "What came from {url} is nothing that such a model server says ({why}). Ask again; if it stays so, "
    "correct DOCENT_MODEL_URL, or DOCENT_PROVIDER for one of the other protocol.": (
        "Ce qui est venu de {url} n'est rien de ce que dit un tel serveur de modèles ({why}). Reposez la "
        "question ; si cela dure, corrigez DOCENT_MODEL_URL, ou DOCENT_PROVIDER pour l'autre protocole."
    ),
    "The connection to the model server at {url} broke off ({why}). Ask again; if it stays so, the "
    "server's log says why.": (
        "La connexion au serveur de modèles à {url} s'est rompue ({why}). Reposez la question ; si "
        "cela dure, le journal du serveur dit pourquoi."
    ),
    "{model} stopped in the middle of its answer: the server at {url} closed the connection. Ask "
    "again; its log says why it stopped.": (
        "{model} s'est arrêté au milieu de sa réponse : le serveur à {url} a fermé la connexion. "
        "Reposez la question ; son journal dit pourquoi."
    ),
    "{model} did not begin to answer within {seconds} s; a large model on a slow machine may need "
    "longer the first time. Ask again, or raise DOCENT_FIRST_TOKEN_TIMEOUT.": (
        "{model} n'a pas commencé à répondre en {seconds} s ; un grand modèle sur une machine lente "
        "peut demander plus de temps la première fois. Reposez la question, ou augmentez "
        "DOCENT_FIRST_TOKEN_TIMEOUT."
    ),
    "{model} fell silent for {seconds} s in the middle of its answer. Ask again, or raise "
    "DOCENT_TOKEN_TIMEOUT.": (
        "{model} s'est tu pendant {seconds} s au milieu de sa réponse. Reposez la question, ou "
        "augmentez DOCENT_TOKEN_TIMEOUT."
    ),
    "The question and its passages do not fit the context of {model} ({n} tokens). Ask a shorter "
    "question, start a new chat, or raise DOCENT_CONTEXT_TOKENS.": (
        "La question et ses passages ne tiennent pas dans le contexte de {model} ({n} jetons). Posez "
        "une question plus courte, commencez une conversation, ou augmentez DOCENT_CONTEXT_TOKENS."
    ),
    "The question and its passages do not fit the context of {model}. Ask a shorter question, start a "
    "new chat, or lower DOCENT_PASSAGES.": (
        "La question et ses passages ne tiennent pas dans le contexte de {model}. Posez une question "
        "plus courte, commencez une conversation, ou baissez DOCENT_PASSAGES."
    ),
    "The question leaves no room in the model's context to read a document in parts. Ask a shorter one, or "
    "raise DOCENT_CONTEXT_TOKENS.": (
        "La question ne laisse pas de place dans le contexte du modèle pour lire un document par parties. "
        "Posez-en une plus courte, ou augmentez DOCENT_CONTEXT_TOKENS."
    ),
    "{model} asked for a tool in a form that cannot be read. Ask again, or switch tools off.": (
        "{model} a demandé un outil sous une forme illisible. Reposez la question, ou coupez les outils."
    ),
    "Fetching {model} broke off. Run it again: {command} (it goes on where it stopped)": (
        "Le téléchargement de {model} s'est interrompu. Relancez : {command} (il reprend où il s'est arrêté)"
    ),
    "The model server could not fetch {model}: {why}. Check the name at https://ollama.com/library, "
    "and that the server may reach the network.": (
        "Le serveur n'a pas pu télécharger {model} : {why}. Vérifiez le nom sur "
        "https://ollama.com/library, et que le serveur a accès au réseau."
    ),
    # files that cannot be read
    "{name} is empty (0 bytes), so there is nothing to read. Copy or download it again, or remove it.": (
        "{name} est vide (0 octet) : il n'y a rien à lire. Copiez-le ou téléchargez-le de nouveau, ou "
        "retirez-le."
    ),
    "{name} is larger than {most} MB, the most that is read. Split it, or raise DOCENT_MAX_FILE_MB.": (
        "{name} dépasse {most} Mo, la taille maximale. Divisez-le, ou augmentez DOCENT_MAX_FILE_MB."
    ),
    "{name} is {what}, which cannot be read. {remedy}": ("{name} est {what}, ce qui ne se lit pas. {remedy}"),
    "{name} is a ZIP archive, which is not opened. Unpack it and add what is inside.": (
        "{name} est une archive ZIP, qui n'est pas ouverte. Décompressez-la et ajoutez ce qu'elle contient."
    ),
    "{name} is in the Office format used before 2007 ({old}), which cannot be read. Save it as {new}, "
    "or run: {command}": (
        "{name} est au format Office d'avant 2007 ({old}), qui ne se lit pas. Enregistrez-le en {new}, "
        "ou lancez : {command}"
    ),
    "{name} is an OpenDocument file other than a text, which cannot be read. Save it as XLSX, PPTX or PDF.": (
        "{name} est un fichier OpenDocument autre qu'un texte, qui ne se lit pas. Enregistrez-le en "
        "XLSX, PPTX ou PDF."
    ),
    "{name} is an Office document locked with a password, which only Office can open. Open it there, "
    "save it without a password and add it again.": (
        "{name} est un document Office protégé par un mot de passe, que seul Office ouvre. Ouvrez-le, "
        "enregistrez-le sans mot de passe et ajoutez-le de nouveau."
    ),
    "{name} is locked with a password, which only its own program can open. Open it there, save it "
    "without a password and add it again.": (
        "{name} est protégé par un mot de passe, que seul son programme ouvre. Ouvrez-le, "
        "enregistrez-le sans mot de passe et ajoutez-le de nouveau."
    ),
    "{name} is locked with a password. Run: python ingest.py --password (it asks for the password, "
    "uses it once and does not store it).": (
        "{name} est protégé par un mot de passe. Lancez : python ingest.py --password (il le demande, "
        "s'en sert une fois et ne le garde pas)."
    ),
    "{name} is locked and the password given does not open it. Check it and try again.": (
        "{name} est protégé et le mot de passe donné ne l'ouvre pas. Vérifiez-le et réessayez."
    ),
    "{name} is a message as Outlook keeps it (.msg), which cannot be read. Save it from Outlook or "
    "Thunderbird as .eml.": (
        "{name} est un message au format d'Outlook (.msg), qui ne se lit pas. Enregistrez-le en .eml "
        "depuis Outlook ou Thunderbird."
    ),
    "{name} is not a format that can be read: it is neither text nor any of {kinds}. Convert it to PDF "
    "or text, or remove it.": (
        "{name} n'est pas d'un format lisible : ni texte, ni {kinds}. Convertissez-le en PDF ou en "
        "texte, ou retirez-le."
    ),
    "{name} is a Word document of a kind that is not read ({why}). Open it in Word or LibreOffice and "
    "save it as an ordinary DOCX.": (
        "{name} est un document Word d'une sorte qui ne se lit pas ({why}). Ouvrez-le dans Word ou "
        "LibreOffice et enregistrez-le en DOCX ordinaire."
    ),
    "{name} is a presentation of a kind that is not read ({why}). Open it in PowerPoint or LibreOffice "
    "and save it as an ordinary PPTX.": (
        "{name} est une présentation d'une sorte qui ne se lit pas ({why}). Ouvrez-la dans PowerPoint "
        "ou LibreOffice et enregistrez-la en PPTX ordinaire."
    ),
    "{name} is a binary Excel workbook (.xlsb), which is not read. Open it in Excel or LibreOffice and "
    "save it as XLSX.": (
        "{name} est un classeur Excel binaire (.xlsb), qui ne se lit pas. Ouvrez-le dans Excel ou "
        "LibreOffice et enregistrez-le en XLSX."
    ),
    "{name} is an e-book with copy protection, which only its shop's own program can open. Add an "
    "edition without it.": (
        "{name} est un livre numérique protégé contre la copie, que seul le programme du vendeur "
        "ouvre. Ajoutez une édition sans protection."
    ),
    "{name} is {width} by {height} dots, more than are read. Save it smaller.": (
        "{name} fait {width} points sur {height}, plus qu'il n'en est lu. Enregistrez-le plus petit."
    ),
    "{name} has more dots than are read. Save it smaller.": (
        "{name} a plus de points qu'il n'en est lu. Enregistrez-le plus petit."
    ),
    "{name} is a damaged picture ({why}). Copy or download it again.": (
        "{name} est une image abîmée ({why}). Copiez-la ou téléchargez-la de nouveau."
    ),
    "{name} is too large to be read at once as JSON. Save it as JSON lines (.jsonl, one record a line) "
    "or as CSV.": (
        "{name} est trop grand pour être lu d'un coup comme JSON. Enregistrez-le en lignes JSON "
        "(.jsonl) ou en CSV."
    ),
    "{name} says it has {pages} pages; at most {most} are read. Split it.": (
        "{name} annonce {pages} pages ; {most} au plus sont lues. Divisez-le."
    ),
    "{name} has more than {most} pages, the most that are read. Split it.": (
        "{name} a plus de {most} pages, le maximum qui est lu. Divisez-le."
    ),
    "{name} has no pages. Export it again from its own program.": (
        "{name} n'a pas de pages. Exportez-le de nouveau depuis son programme."
    ),
    "{name} is too damaged to open as a PDF ({why}). Open it in a PDF program, save it again, or "
    "download it anew.": (
        "{name} est trop abîmé pour s'ouvrir comme PDF ({why}). Ouvrez-le dans un lecteur de PDF et "
        "enregistrez-le, ou téléchargez-le de nouveau."
    ),
    "{name} is damaged or unusual in a way its reader does not know ({why}). Open it in its own "
    "program, save it again and add that copy.": (
        "{name} est abîmé, ou inhabituel d'une façon que son lecteur ne connaît pas ({why}). Ouvrez-le "
        "dans son programme, enregistrez-le et ajoutez cette copie."
    ),
    "{name} is damaged: its ZIP container cannot be opened ({why}). Copy or download it again.": (
        "{name} est abîmé : son conteneur ZIP ne s'ouvre pas ({why}). Copiez-le ou téléchargez-le de nouveau."
    ),
    "{name} is damaged: a part of it is not well-formed ({why}). Open it in its own program, save it "
    "again and add that copy.": (
        "{name} est abîmé : une de ses parties est mal formée ({why}). Ouvrez-le dans son programme, "
        "enregistrez-le et ajoutez cette copie."
    ),
    "{name} is not a PDF, so no words can be marked in it. Open the file itself.": (
        "{name} n'est pas un PDF : aucun mot ne peut y être surligné. Ouvrez le fichier lui-même."
    ),
    "{name} is damaged ({why}), so the cited words cannot be marked. Open the file itself at the page "
    "named.": (
        "{name} est abîmé ({why}) : les mots cités ne peuvent pas être surlignés. Ouvrez le fichier à "
        "la page dite."
    ),
    "Where the cited words stand on their page of {name} is not known, so they cannot be marked. Open "
    "the file itself at the page named.": (
        "On ignore où les mots cités se trouvent sur leur page de {name} : ils ne peuvent pas être "
        "surlignés. Ouvrez le fichier à la page dite."
    ),
    "No words of {name} were named that could be marked. Open the file itself.": (
        "Aucun mot de {name} à surligner n'a été nommé. Ouvrez le fichier lui-même."
    ),
    "{name} holds {n} files inside; at most {most} are opened. Remove it if you do not know where it "
    "comes from.": (
        "{name} contient {n} fichiers ; {most} au plus sont ouverts. Retirez-le si vous ignorez d'où "
        "il vient."
    ),
    "{name} expands to {size} MB; at most {most} MB are unpacked. Split it, or remove it if you do not "
    "know where it comes from.": (
        "{name} se déploie en {size} Mo ; {most} Mo au plus sont décompressés. Divisez-le, ou "
        "retirez-le si vous ignorez d'où il vient."
    ),
    "{name} expands to more than {most} characters. Split it, or remove it if you do not know where it "
    "comes from.": (
        "{name} se déploie en plus de {most} caractères. Divisez-le, ou retirez-le si vous ignorez "
        "d'où il vient."
    ),
    "{name} declares entities of its own in {part}, which documents do not do and attacks do. Save it "
    "again from its own program, or remove it.": (
        "{name} déclare des entités à lui dans {part}, ce que font les attaques et non les documents. "
        "Enregistrez-le de nouveau depuis son programme, ou retirez-le."
    ),
    "{name} is no longer there: it was moved or deleted. Put it back, or ingest again.": (
        "{name} n'est plus là : il a été déplacé ou supprimé. Remettez-le, ou ajoutez-le de nouveau."
    ),
    "{name} may not be read by this user (permission denied). Run: chmod u+r on the file.": (
        "{name} ne peut pas être lu par cet utilisateur (accès refusé). Lancez : chmod u+r sur le fichier."
    ),
    "{name} is a folder, not a file. Name the files in it, or ingest the folder.": (
        "{name} est un dossier, pas un fichier. Nommez les fichiers qu'il contient, ou ajoutez le dossier."
    ),
    "{name} could not be read from disk ({reason}). Check the disk or the connection to it, and try again.": (
        "{name} n'a pas pu être lu du disque ({reason}). Vérifiez le disque ou sa connexion, et réessayez."
    ),
    "{name} is not a regular file but {what}, so there is nothing to read. Remove it, or put a document in "
    "its place.": (
        "{name} n'est pas un fichier ordinaire mais {what} : il n'y a rien à lire. Retirez-le, ou mettez un "
        "document à sa place."
    ),
    "{name} was changed while it was being read. Ingest it again.": (
        "{name} a changé pendant sa lecture. Ajoutez-le de nouveau."
    ),
    "{name} was not read within {seconds} s, so reading it was stopped. Save it again from its own "
    "program, or split it.": (
        "{name} n'a pas été lu en {seconds} s ; sa lecture a été arrêtée. Enregistrez-le de nouveau "
        "depuis son programme, ou divisez-le."
    ),
    "{name} was not read: no process could be started for it ({reason}). Close other programs and try "
    "again.": (
        "{name} n'a pas été lu : aucun processus n'a pu être démarré pour lui ({reason}). Fermez d'autres "
        "programmes et réessayez."
    ),
    "{name} was not read: the machine did not let its reader go on ({reason}). Try again; if it fails "
    "again, see what is wrong with: python -m docent doctor": (
        "{name} n'a pas été lu : la machine n'a pas laissé son lecteur continuer ({reason}). Réessayez ; en "
        "cas de nouvel échec, voyez ce qui ne va pas avec : python -m docent doctor"
    ),
    "{name} was not read: a file so large is read from a copy, and none could be written to the folder "
    "for temporary files ({reason}). Make room there, or name another folder in TMPDIR, and try again.": (
        "{name} n'a pas été lu : un fichier de cette taille est lu dans une copie, et aucune n'a pu être "
        "écrite dans le dossier des fichiers temporaires ({reason}). Faites-y de la place, ou indiquez un "
        "autre dossier dans TMPDIR, et réessayez."
    ),
    "Reading was stopped because Docent is shutting down. Start it again.": (
        "La lecture s'est arrêtée parce que Docent s'arrête. Redémarrez-le."
    ),
    "{name} was not shared by you, so it is not yours to take back.": (
        "{name} n'a pas été partagé par vous ; ce n'est pas à vous de le reprendre."
    ),
    # what can be done with a document
    "This document is not here any more. `python -m docent list` shows what is.": (
        "Ce document n'est plus ici. `python -m docent list` montre ce qui y est."
    ),
    "{name} is still being read. Wait until it is ready.": (
        "{name} est encore en lecture. Attendez qu'il soit prêt."
    ),
    "{name} has not been read yet. Share it when it answers.": (
        "{name} n'a pas encore été lu. Partagez-le quand il répond."
    ),
    "{name} is shared already, in library {library}.": (
        "{name} est déjà partagé, dans la bibliothèque {library}."
    ),
}
"""What is said in English, as it is said there, and in French. The gap `more` is a sentence itself."""

KINDS = {
    "a named pipe": "un tube nommé",
    "a socket": "un socket",
    "a device": "un périphérique",
    "a link that leads nowhere": "un lien qui ne mène nulle part",
    "something else": "autre chose",
    "a GIF image": "une image GIF",
    "a TIFF image": "une image TIFF",
    "a program": "un programme",
    "a Windows program": "un programme Windows",
    "a gzip archive": "une archive gzip",
    "a 7-Zip archive": "une archive 7-Zip",
    "a RAR archive": "une archive RAR",
    "a bzip2 archive": "une archive bzip2",
    "a database": "une base de données",
    "a sound recording": "un enregistrement sonore",
    "Save it as PNG or JPEG.": "Enregistrez-la en PNG ou en JPEG.",
    "Save it as PNG, JPEG or PDF.": "Enregistrez-la en PNG, en JPEG ou en PDF.",
    "Unpack it and add what is inside.": "Décompressez-la et ajoutez ce qu'elle contient.",
    "Remove it.": "Retirez-le.",
    "Export its tables as CSV.": "Exportez ses tables en CSV.",
    "Add a transcript instead.": "Ajoutez plutôt une transcription.",
}
"""What stands in the gaps `what` and `remedy` of a file that cannot be read."""
