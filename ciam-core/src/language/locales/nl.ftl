# Alles wat ciam tegen mensen zegt, in het Nederlands (https://projectfluent.org): dezelfde sleutels en variabelen als
# in en.ftl. Wat hier staat, wordt letterlijk gezegd: HTML is hier gewone tekst.

## Losse woorden

sign-in = Inloggen
sign-up = Account aanmaken
sign-out = Uitloggen
continue = Verder
start-again = Opnieuw beginnen
to-start-page = Naar de startpagina
to-account = Naar je account
to-profile = Naar je profiel
account = Account
sessions = Sessies
email = E-mailadres
phone = Telefoonnummer
username = Gebruikersnaam
password = Wachtwoord
code = Code
name = Naam
new-password = Nieuw wachtwoord
language-name = Nederlands
save = Opslaan
profile = Profiel
security = Beveiliging
email-or-phone = E-mailadres of telefoonnummer
email-or-username = E-mailadres of gebruikersnaam
phone-or-username = Telefoonnummer of gebruikersnaam
email-phone-or-username = E-mailadres, telefoonnummer of gebruikersnaam
optional = (niet verplicht)

## Elke pagina

title-error = Fout:
skip = Naar de inhoud
password-show = Toon
password-show-label = Toon wachtwoord
password-hide = Verberg
password-hide-label = Verberg wachtwoord

## Tijd

span-seconds = { $count ->
    [one] één seconde
   *[other] { $count } seconden
}
span-minutes = { $count ->
    [one] één minuut
   *[other] { $count } minuten
}
span-hours = { $count ->
    [one] één uur
   *[other] { $count } uur
}
span-days = { $count ->
    [one] één dag
   *[other] { $count } dagen
}
ago-now = zojuist
ago-minutes = { $count ->
    [one] een minuut geleden
   *[other] { $count } minuten geleden
}
ago-hours = { $count ->
    [one] een uur geleden
   *[other] { $count } uur geleden
}
ago-days = { $count ->
    [one] gisteren
   *[other] { $count } dagen geleden
}
ago-on = op { $day }
day = { $day } { $month } { $year }
moment = { $day }, { $time } uur UTC
month-1 = januari
month-2 = februari
month-3 = maart
month-4 = april
month-5 = mei
month-6 = juni
month-7 = juli
month-8 = augustus
month-9 = september
month-10 = oktober
month-11 = november
month-12 = december

## Browsers en apps

device = { $browser } op { $system }
device-app = Een app
device-app-on = Een app op { $system }
device-unknown = Een onbekende browser of app

## Account aanmaken en inloggen

sign-in-lead = Met je account bij { $app }.
sign-in-new-here = Nog geen account?
sign-in-create = Maak er een aan
sign-up-title = Maak je account aan
sign-up-lead = We sturen je een bericht om je adres te bevestigen.
sign-up-known = Heb je al een account?
password-title = Vul je wachtwoord in
password-not-you = Ben jij dit niet?
password-forgotten = Wachtwoord vergeten?
phone-form = Begin met + en je landcode, zoals +31 6 12345678.
username-form = 3 tot 32 letters, cijfers, punten, streepjes of lage streepjes. Je kunt er ook mee inloggen.
new-password-title = Kies een wachtwoord
new-password-change = Wijzigen
new-password-rules = Minstens { $least } tekens. Een paar woorden die niets met elkaar te maken hebben, zijn een goede keus; spaties mogen ook.
new-password-name = Je naam
add-totp = Een authenticator-app
add-recovery-code = Herstelcodes
add-passkey = Een passkey
method-totp = Authenticator-app
method-recovery-code = Herstelcodes
method-passkey = Passkey
enrol-title = Maak je account veiliger
enrol-lead = Met een tweede bewijs kan iemand die je wachtwoord te weten komt nog niet als jou inloggen.
totp-create-title = Koppel je app
totp-create-lead = Scan het plaatje met een authenticator-app en vul dan de code in die de app laat zien.
totp-create-picture = QR-code voor je authenticator-app
totp-create-text = Lukt scannen niet? Vul deze sleutel in je app in:
totp-create-open = Open het in een app op dit apparaat
recovery-codes-title = Bewaar deze codes
recovery-codes-lead = Elke code vervangt je app één keer, als je die kwijt bent. Schrijf ze op of bewaar ze in een wachtwoordkluis. Ze worden niet nog eens getoond, en eerdere codes werken niet meer.
recovery-codes-kept = Ik heb ze bewaard
security-factors = Naast je wachtwoord
security-factors-none = Alleen je wachtwoord beschermt je account.
security-factors-add = Nog een bewijs toevoegen
security-factor-used = Laatst gebruikt { $ago }
security-factor-added = Je account heeft er een bewijs bij.
security-factor-removed = Het is verwijderd.
security-factor-remove-label = Verwijderen: { $what }
remove-factor-title = Dit verwijderen?
remove-factor-lead = Naar { $what } wordt dan niet meer gevraagd als je inlogt.
to-security = Naar je beveiliging
otp-title = Nog één stap
otp-lead-totp = Open je authenticator-app en vul de code in die daar staat.
otp-lead-recovery-code = Vul een van de herstelcodes in die je hebt bewaard. Elke code werkt één keer.
otp-lead-otherwise = Vul de code in.
otp-others = Op een andere manier?
way-totp = Gebruik je authenticator-app
way-recovery-code = Gebruik een herstelcode
way-passkey = Gebruik een passkey
code-title = Bekijk je berichten
code-lead = We hebben een bericht gestuurd naar { $to }. Vul de code van { $length } cijfers in die erin staat, of volg de link.
code-development = Ontwikkeling: berichten zijn te zien in de mailbox.
code-good-for = De code is nog { $time } geldig.
code-too-old = De code is te oud. Vraag een nieuw bericht aan.
code-link-followed = Ik heb de link gevolgd: ga verder
code-link-not-followed = De link is nog niet gevolgd. Volg die eerst, of vul de code in.
code-resend = Stuur een nieuw bericht
code-resent = Er is een nieuw bericht onderweg.
code-not-yours = Niet jouw adres?
confirmed-title = Je adres is bevestigd
confirmed-lead = De link in ons bericht is in een andere browser gevolgd. Ga hier verder.
confirmed-close = Ga terug naar de browser waarin je begon; daar kun je verder. Deze pagina mag je sluiten.
step-up-title = Bevestig dat jij het bent
step-up-lead = Vul nog een keer je wachtwoord in voordat dit wordt gewijzigd.
step-up-confirm = Bevestigen

## Een nieuw wachtwoord voor wie het oude kwijt is

recover-title = Nieuw wachtwoord instellen
recover-lead = Vul in waarmee je inlogt. We sturen je een bericht met een code en een link.
recover-send = Stuur het bericht
recover-remembered = Weet je het weer?
reset-title = Kies een nieuw wachtwoord
reset-lead = Overal anders word je uitgelogd.
reset-set = Wachtwoord instellen
completed-title = Je wachtwoord is ingesteld
completed-lead = Wie met het oude wachtwoord was ingelogd, is nu uitgelogd. Log in met het nieuwe, hier of waar je begon.
continued-title = Ga verder waar je de link volgde
continued-lead = De link in ons bericht is in een andere browser gevolgd; daar kies je het nieuwe wachtwoord. Log daarna hier in met dat wachtwoord.
continued-not-you = Was jij dat niet?
continued-again = Vraag een nieuw bericht aan

## De pagina achter de link in een bericht

verify-title = Bevestig je adres
verify-title-phone = Bevestig je nummer
verify-question = Is { $to } van jou?
verify-begun-sign-up = Hiermee is { $ago } een account aangevraagd, in: { $device }.
verify-begun-sign-in = Hiermee wilde iemand { $ago } inloggen, in: { $device }.
verify-begun-add = Iemand wilde dit { $ago } aan een account toevoegen, in: { $device }.
verify-recovery-lead = Voor het account van { $to }.
verify-recovery-begun = Er is { $ago } om een nieuw wachtwoord gevraagd, in: { $device }.
verify-recovery-only-you = Ga alleen verder als jij dat was.
verify-recovery-otherwise = Was het iemand anders? Sluit dan deze pagina: je wachtwoord blijft zoals het is.
verify-recovery-here = Verder
verify-by-code-title = Vul de code in
verify-by-code-lead = { $to } wordt alleen bevestigd waar je daarom vroeg. Ga terug naar die browser en volg de link daar, of vul er de code uit ons bericht in.
verify-by-code-only-you = Geef de code aan niemand.
verify-only-you = Bevestig alleen als jij dat was.
verify-otherwise = Was het iemand anders? Sluit dan deze pagina: er gebeurt niets.
verify-here = Bevestigen en verder
verify-elsewhere = Ja, dat was ik

## Waarom het niet verdergaat

refused-title = Dit is niet gelukt
refused-address-taken = Dit adres heeft al een account. Log in plaats daarvan in.
refused-expired = Het duurde te lang, en wat je had ingevuld is niet bewaard. Begin opnieuw.
refused-not-allowed = Met dit account kun je op dit moment niet inloggen.
refused-session-ended = Je was hier ingelogd, maar bent inmiddels uitgelogd.
refused-too-many = Je account heeft al het hoogste aantal adressen. Verwijder er eerst een.
refused-continued-elsewhere = De link in ons bericht is in een andere browser gevolgd; daar gaat het verder.
refused-factor-missing = Dit account heeft niets meer waarmee te bewijzen is dat het van jou is.
refused-otherwise = Vanaf hier kun je niet verder. Begin opnieuw.

## Het account

account-title = Je account
account-hello = Hallo { $name }
account-about-you = Over jou
account-none = geen
account-not-given = niet opgegeven
account-since = Klant sinds
profile-title = Je profiel
profile-lead = Je naam, en de adressen, nummers en namen waarmee je inlogt.
profile-language = Taal
profile-language-any = De taal van mijn browser
profile-saved = Je profiel is opgeslagen.
profile-added = Het hoort nu bij je account.
profile-removed = Het hoort niet meer bij je account.
profile-ways = Hoe je inlogt
profile-ways-lead = Berichten over je account gaan naar het eerste dat bevestigd is.
profile-main = Hoofdadres
profile-unproved = Niet bevestigd
profile-proved = bevestigd
profile-prove = Bevestigen
profile-prove-label = { $own } bevestigen
profile-remove = Verwijderen
profile-remove-label = { $own } verwijderen
add-title = Toevoegen aan je account
add-lead = We sturen je een bericht om te bevestigen dat het van jou is.
add-email = E-mailadres toevoegen
add-phone = Telefoonnummer toevoegen
add-username = Gebruikersnaam kiezen
add-username-again = Gebruikersnaam wijzigen
add-username-lead = Je kunt er dan ook mee inloggen.
remove-title = Verwijderen?
remove-lead = Je kunt dan niet meer inloggen met { $own }, en er gaan geen berichten meer naartoe.
remove-username = Je kunt dan niet meer inloggen met { $own }.
remove-not = Behouden
security-lead = Wijzig je wachtwoord, en bekijk wat er de laatste tijd is gebeurd.
security-change = Wachtwoord wijzigen
security-change-lead = Hier blijf je ingelogd, overal anders word je uitgelogd.
security-change-do = Wijzig wachtwoord
security-changed = Je wachtwoord is gewijzigd, en overal anders ben je uitgelogd.
security-present = Huidig wachtwoord
security-lately = Wat er de laatste tijd is gebeurd
security-earlier = Wat er eerder is gebeurd
security-by-operator = door onze medewerkers
security-nothing = Niets.
security-newest = Nieuwste
security-older = Eerder
## Wat er met een account is gebeurd

event-authenticator-added = Er is een manier om te bewijzen wie je bent bijgekomen
event-authenticator-removed = Er is een manier om te bewijzen wie je bent verwijderd
event-identifier-added = Er is een manier om in te loggen bijgekomen
event-identifier-removed = Er is een manier om in te loggen verwijderd
event-password-changed = Het wachtwoord is gewijzigd
event-password-disabled = Inloggen met wachtwoord is op vreemde apparaten gestopt, na veel mislukte pogingen
event-password-recovered = Het wachtwoord is opnieuw ingesteld met een bericht aan jou
event-password-set = Het wachtwoord is voor je ingesteld
event-session-all-ended = Sessies zijn beëindigd
event-session-ended = Een sessie is beëindigd
event-session-rotated = Je hebt bevestigd dat jij het bent
event-session-started = Je hebt ingelogd
event-sign-in-failed = Iemand probeerde in te loggen, en dat mislukte
event-user-activated = Het account is weer opengesteld
event-user-language-changed = De taal is gewijzigd
event-user-registered = Het account is aangemaakt
event-user-renamed = De naam is gewijzigd
event-user-suspended = Het account is geblokkeerd
event-wrong-password = Er is een verkeerd wachtwoord ingevoerd
sessions-title = Waar je bent ingelogd
sessions-lead = Bekijk in welke browsers en apps je bent ingelogd, en log ze uit.
sessions-this = Deze browser
sessions-seen = laatst gezien: { $ago }
sessions-begun = ingelogd: { $ago }
sessions-end-label = { $device } uitloggen, ingelogd: { $ago }
sessions-end-others = Overal anders uitloggen
sessions-end-all = Overal uitloggen
sessions-ended-one = Daar ben je nu uitgelogd.
sessions-ended-others = Overal anders ben je nu uitgelogd.
sessions-renamed = De naam is opgeslagen.
sessions-rename = Andere naam
sessions-rename-label = { $device } een andere naam geven, ingelogd: { $ago }

## De mailbox voor ontwikkelaars

mailbox-title = Mailbox
mailbox-lead = Wat er is verstuurd sinds het programma startte, het nieuwste eerst. Deze pagina bestaat alleen tijdens de ontwikkeling.
mailbox-to = { $channel } aan { $to }
mailbox-empty = Er is nog niets verstuurd.

## Wat er mis was met een antwoord

mistake-invalid-email = Vul een e-mailadres in, zoals ada@example.com.
mistake-invalid-phone = Vul een telefoonnummer in met de landcode, zoals +31 6 12345678.
mistake-invalid-username = Een gebruikersnaam heeft 3 tot 32 letters, cijfers, punten, streepjes of lage streepjes.
mistake-missing-username = Kies een gebruikersnaam.
mistake-username-taken = Deze gebruikersnaam is al bezet. Kies een andere.
mistake-unaccepted-kind = Dit soort adres gebruiken we hier niet.
mistake-already-yours = Dit hoort al bij je account.
mistake-too-many = Je account heeft te veel adressen. Verwijder er eerst een.
mistake-wrong-password = Het wachtwoord klopt niet.
mistake-invalid-name = Een naam heeft 1 tot 64 letters.
mistake-wrong-credentials = Het adres of het wachtwoord klopt niet.
mistake-password-too-short = Gebruik minstens { $least } tekens: een paar woorden die niets met elkaar te maken hebben, zijn een goed wachtwoord.
mistake-password-too-long = Gebruik hoogstens { $most } tekens.
mistake-password-common = Dit is een van de meest gebruikte wachtwoorden; kies een ander.
mistake-password-weak = Dit is makkelijk te raden. Voeg woorden toe die er niets mee te maken hebben, en laat je naam, je adres en herhalingen weg.
mistake-wrong-code = Dit is niet de code uit het laatste bericht.
mistake-code-used-up = Deze code kun je niet meer gebruiken. Vraag een nieuwe aan.
mistake-wrong-proof = Dit is niet gelukt. Probeer het opnieuw, of op een andere manier.
mistake-unavailable-method = Dat kan hier niet.
mistake-unexpected-answer = Hier werd niet om gevraagd.

## Wat niet kan

problem-no-session = Log eerst in
problem-no-session-detail = Je bent niet ingelogd, of je sessie is verlopen.
problem-forbidden = Geen toegang
problem-forbidden-detail = Je account mag dit niet.
problem-not-found = Niet gevonden
problem-not-found-detail = Op dit adres staat niets.
problem-internal = Er ging iets mis
problem-internal-detail = Dat ligt aan ons, niet aan jou. Probeer het opnieuw.
problem-unavailable = Niet beschikbaar
problem-unavailable-detail = Dit lukt op dit moment niet. Probeer het straks opnieuw.
problem-address-taken = Al bezet
problem-address-taken-detail = Dit adres hoort bij een ander account.
problem-unusable-password = Geen goed wachtwoord
problem-unusable-password-detail = Dit wachtwoord kan niet. Kies een langer, van een paar woorden die niets met elkaar te maken hebben.
problem-fresh-sign-in-required = Bevestig dat jij het bent
problem-fresh-sign-in-required-detail = Hiervoor moet je kort geleden zijn ingelogd.
problem-assurance-required = Je moet sterker inloggen
problem-assurance-required-detail = Hiervoor is een tweede stap bij het inloggen nodig, en die ontbreekt.
problem-cross-site = Geweigerd
problem-cross-site-detail = Dit verzoek kwam van een andere site. Open deze site zelf en probeer het opnieuw.
problem-method-not-allowed = Methode niet toegestaan
problem-method-not-allowed-detail = Dit adres neemt zulke verzoeken niet aan.
problem-malformed = Onleesbaar verzoek
problem-malformed-detail = De inhoud van het verzoek is niet te lezen.
problem-too-deep = Onleesbaar verzoek
problem-too-deep-detail = De inhoud van het verzoek is te diep genest.
problem-timeout = Te langzaam
problem-timeout-detail = De inhoud van het verzoek kwam niet op tijd aan. Probeer het opnieuw.
problem-too-large = Te groot
problem-too-large-detail = De inhoud van het verzoek is te groot.
problem-target-too-long = Te groot
problem-target-too-long-detail = Het adres van het verzoek is te lang.
problem-headers-too-large = Te groot
problem-headers-too-large-detail = De headers van het verzoek zijn te groot.
problem-unsupported-media-type = Onbekend soort inhoud
problem-unsupported-media-type-detail = De API leest application/json, en pagina's lezen application/x-www-form-urlencoded.
problem-unexpected-shape = Onverwachte inhoud
problem-unexpected-shape-detail = Er ontbreekt iets in het verzoek, of er staat een waarde in die niet kan.
problem-unexpected-members = Onverwachte inhoud
problem-unexpected-members-detail = Er ontbreekt iets, er staat een waarde in die niet kan, of het is hier niet in te stellen.
problem-bad-cursor = Geen cursor van deze lijst
problem-bad-cursor-detail = after is de next van een eerdere pagina.
problem-last-identifier = De laatste blijft
problem-last-identifier-detail = Een account houdt een adres of nummer waarmee je het kunt herstellen. Voeg er eerst een ander toe.
problem-password-changed = Het wachtwoord is veranderd
problem-password-changed-detail = Je wachtwoord is ondertussen veranderd. Begin opnieuw met het huidige.
problem-bad-label = Geen naam voor een apparaat
problem-bad-label-detail = Een naam heeft 1 tot 64 tekens, en geen stuurtekens.
problem-bad-return-to = Geen pad van deze site
problem-bad-return-to-detail = return_to moet een pad van deze site zijn.
problem-unknown-link = Deze link werkt niet meer
problem-unknown-link-detail = De link is al gebruikt, verlopen, of vervangen door een nieuwer bericht.
problem-unknown-journey = Dit is verlopen
problem-unknown-journey-detail = In deze browser is dit niet meer bekend. Begin opnieuw.
problem-stale-journey = Al beantwoord
problem-stale-journey-detail = Dit is ondertussen ergens anders beantwoord. Ga vanaf hier verder.
problem-wrong-input = Dat klopte niet
problem-wrong-input-detail = Kijk na wat je hebt ingevuld.
problem-throttled = Te veel pogingen
problem-throttled-detail = Er waren te veel pogingen.
problem-overloaded = Erg druk
problem-overloaded-detail = Te veel mensen willen tegelijk hetzelfde.
problem-try-again = { $detail } Probeer het over { $time } opnieuw.

## Berichten. De tekst is voor e-mail, `.subject` het onderwerp, en `.short` wat per sms gaat of wordt voorgelezen.

message-hello = Hallo,
message-hello-name = Hallo { $name },

message-confirm-address =
    Welkom bij { $app }.

    Vul deze code in op de pagina waar je je account aanmaakt, om je adres te bevestigen:

    {"    "}{ $code }

    De code is { $code_for } geldig. Of volg deze link, die { $link_for } geldig is:

    {"    "}{ $link }

    Heb je geen account aangevraagd bij { $app }? Dan hoef je niets te doen: zonder de code of de link gebeurt er niets. Niemand van { $app } zal je er ooit om vragen.
    .subject = { $code } is je code voor { $app }
    .short = { $code } is je code voor { $app }, { $code_for } geldig. Geef hem aan niemand. Of volg { $link }

message-add-identifier =
    Iemand, waarschijnlijk jij, wil dit adres aan een account bij { $app } toevoegen.

    Vul deze code in op de pagina waar je het toevoegde, om het te bevestigen:

    {"    "}{ $code }

    De code is { $code_for } geldig. Of volg deze link in dezelfde browser; die is { $link_for } geldig:

    {"    "}{ $link }

    Was jij het niet? Dan hoef je niets te doen: zonder de code of de link gebeurt er niets.
    .subject = { $code } is je code voor { $app }
    .short = { $code } is je code voor { $app }, { $code_for } geldig. Geef hem aan niemand. Of volg { $link }

message-address-known =
    { $greeting }

    Iemand, waarschijnlijk jij, wilde dit adres gebruiken bij { $app }. Het heeft al een account; log hier in:

    {"    "}{ $link }

    Was jij het niet? Dan hoef je niets te doen: aan je account is niets veranderd.
    .subject = Je hebt al een account bij { $app }
    .short = { $app }: dit nummer heeft al een account. Inloggen: { $link }

message-recover =
    { $greeting }

    Iemand, waarschijnlijk jij, wil een nieuw wachtwoord instellen voor je account bij { $app }. Vul deze code in op de pagina waar je erom vroeg:

    {"    "}{ $code }

    De code is { $code_for } geldig. Of volg deze link, die { $link_for } geldig is:

    {"    "}{ $link }

    Was jij het niet? Dan hoef je niets te doen: je wachtwoord blijft zoals het is. Niemand van { $app } zal je ooit om de code vragen.
    .subject = { $code } is je code voor { $app }
    .short = { $code } is je code voor { $app }, { $code_for } geldig. Geef hem aan niemand. Of volg { $link }

message-no-account =
    Iemand, waarschijnlijk jij, wilde een nieuw wachtwoord instellen bij { $app }, maar bij dit adres hoort geen account. Misschien heb je een ander adres gebruikt. Een account aanmaken kan hier:

    {"    "}{ $link }

    Was jij het niet? Dan hoef je niets te doen.
    .subject = Bij { $app } hoort geen account bij dit adres
    .short = { $app }: bij dit nummer hoort geen account. Account aanmaken: { $link }

message-password-changed =
    { $greeting }

    Je wachtwoord bij { $app } is gewijzigd:

    {"    "}{ $at }
    {"    "}{ $device }

    Was jij dat? Dan hoef je niets te doen. Zo niet, stel dan meteen een nieuw wachtwoord in; daarmee wordt iedereen uitgelogd:

    {"    "}{ $link }
    .subject = Je wachtwoord bij { $app } is gewijzigd
    .short = Je wachtwoord bij { $app } is gewijzigd. Was jij dat niet? Stel een nieuw wachtwoord in: { $link }

message-password-recovered =
    { $greeting }

    Voor je account bij { $app } is een nieuw wachtwoord ingesteld:

    {"    "}{ $at }
    {"    "}{ $device }

    Was jij dat? Dan hoef je niets te doen. Zo niet, stel dan meteen zelf een nieuw wachtwoord in; daarmee wordt iedereen uitgelogd:

    {"    "}{ $link }
    .subject = Je hebt een nieuw wachtwoord bij { $app }
    .short = Voor je account bij { $app } is een nieuw wachtwoord ingesteld. Was jij dat niet? Stel zelf een nieuw in: { $link }

message-identifier-added =
    { $greeting }

    Aan je account bij { $app } is { $kind ->
        [email] een e-mailadres
        [phone] een telefoonnummer
       *[username] een gebruikersnaam
    } toegevoegd:

    {"    "}{ $at }
    {"    "}{ $device }

    Was jij dat? Dan hoef je niets te doen. Zo niet, stel dan meteen een nieuw wachtwoord in; daarmee wordt iedereen uitgelogd:

    {"    "}{ $link }
    .subject = Aan je account bij { $app } is { $kind ->
        [email] een e-mailadres
        [phone] een telefoonnummer
       *[username] een gebruikersnaam
    } toegevoegd
    .short = Aan je account bij { $app } is { $kind ->
        [email] een e-mailadres
        [phone] een telefoonnummer
       *[username] een gebruikersnaam
    } toegevoegd. Was jij dat niet? Stel een nieuw wachtwoord in: { $link }

message-authenticator-added =
    { $greeting }

    Aan je account bij { $app } is een manier om te bewijzen wie je bent toegevoegd:

    {"    "}{ $at }
    {"    "}{ $device }

    Was jij dat? Dan hoef je niets te doen. Zo niet, stel dan meteen een nieuw wachtwoord in; daarmee wordt iedereen uitgelogd:

    {"    "}{ $link }
    .subject = Aan je account bij { $app } is een manier om te bewijzen wie je bent toegevoegd
    .short = Aan je account bij { $app } is een manier om te bewijzen wie je bent toegevoegd. Was jij dat niet? Stel een nieuw wachtwoord in: { $link }

message-authenticator-removed =
    { $greeting }

    Van je account bij { $app } is een manier om te bewijzen wie je bent verwijderd:

    {"    "}{ $at }
    {"    "}{ $device }

    Was jij dat? Dan hoef je niets te doen. Zo niet, stel dan meteen een nieuw wachtwoord in; daarmee wordt iedereen uitgelogd:

    {"    "}{ $link }
    .subject = Van je account bij { $app } is een manier om te bewijzen wie je bent verwijderd
    .short = Van je account bij { $app } is een manier om te bewijzen wie je bent verwijderd. Was jij dat niet? Stel een nieuw wachtwoord in: { $link }

message-identifier-removed =
    { $greeting }

    Van je account bij { $app } is { $kind ->
        [email] een e-mailadres
        [phone] een telefoonnummer
       *[username] een gebruikersnaam
    } verwijderd:

    {"    "}{ $at }
    {"    "}{ $device }

    Was jij dat? Dan hoef je niets te doen. Zo niet, stel dan meteen een nieuw wachtwoord in; daarmee wordt iedereen uitgelogd:

    {"    "}{ $link }
    .subject = Van je account bij { $app } is { $kind ->
        [email] een e-mailadres
        [phone] een telefoonnummer
       *[username] een gebruikersnaam
    } verwijderd
    .short = Van je account bij { $app } is { $kind ->
        [email] een e-mailadres
        [phone] een telefoonnummer
       *[username] een gebruikersnaam
    } verwijderd. Was jij dat niet? Stel een nieuw wachtwoord in: { $link }
